"""Recipes for mergekit that cannot work: what is wrong, the text, the field that is to be named, a word of the sentence.

`{base}`, `{other}`, `{third}` are folders of models that go together; `{deep}` has more layers, `{wide}` another size,
`{qwen}` another architecture, `{words}` another vocabulary, `{copy}` is `{other}` again; `{adapter}` belongs to `{base}`,
`{attention}` changes the attention alone.
"""

MODELS = "models: [{{model: {base}}}, {{model: {other}}}]"
SLERP = f"merge_method: slerp\nbase_model: {{base}}\n{MODELS}\n"
LINEAR = "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {other}}}]\n"
TIES = f"merge_method: ties\nbase_model: {{base}}\n{MODELS}\n"
STACK = "merge_method: passthrough\nslices:\n- sources: [{{model: {base}, layer_range: [0, 2]}}]\n"
EXPERTS = """\
base_model: {base}
experts_per_token: 1
experts:
- {{source_model: {other}, positive_prompts: [a]}}
- {{source_model: {third}, positive_prompts: [b]}}
"""

WRONG: list[tuple[str, str, str, str]] = [
    ("method", "merge_method: slurp\nmodels: [{{model: {base}}}]", "merge_method", "slerp"),
    ("no models", "merge_method: linear", "", "models, slices and modules"),
    ("two forms", f"{LINEAR}slices: [{{{{sources: []}}}}]", "slices", "exactly one"),
    ("key", f"{SLERP}tokeniser_source: union\nparameters: {{{{t: 0.5}}}}", "tokeniser_source", "tokenizer_source"),
    ("inner key", "merge_method: linear\nmodels: [{{modell: {base}}}]", "models[0].modell", "did you mean model"),
    ("range of t", f"{SLERP}parameters: {{{{t: 1.5}}}}", "parameters.t", "in [0, 1]"),
    ("no t", SLERP, "models", "parameter 't'"),
    ("t of one model", "merge_method: slerp\nbase_model: {base}\nmodels: [{{model: {base}}}, {{model: {other}, parameters: {{t: 1}}}}]\nparameters: {{t: 0}}", "models[1].parameters.t", "whole merge"),
    ("strings", f"{SLERP}parameters: {{{{t: [a, b]}}}}", "parameters.t[0]", "number"),
    ("word for a flag", f"{LINEAR}parameters: {{{{weight: 1, normalize: 'true'}}}}", "parameters.normalize", "true or false"),
    ("empty gradient", f"{SLERP}parameters: {{{{t: []}}}}", "parameters.t", "empty"),
    ("mixed filters", f"{SLERP}parameters: {{{{t: [0.5, {{{{filter: mlp, value: 1}}}}]}}}}", "parameters.t", "mixes"),
    ("filters with a hole", f"{SLERP}parameters: {{{{t: [{{{{filter: mlp, value: 1}}}}]}}}}", "models", "without a filter"),
    ("filter never reached", f"{SLERP}parameters: {{{{t: [{{{{value: 1}}}}, {{{{filter: mlp, value: 0}}}}]}}}}", "parameters.t[1]", "never reached"),
    ("unknown parameter", f"{LINEAR}parameters: {{{{weigth: 1, weight: 1}}}}", "parameters.weigth", "did you mean weight"),
    ("foreign parameter", f"{LINEAR}parameters: {{{{weight: 1, density: 0.5}}}}", "parameters.density", "ignore"),
    ("density", f"{TIES}parameters: {{{{weight: 1, density: 0}}}}", "parameters.density", "in (0, 1]"),
    ("not finite", f"{LINEAR}parameters: {{{{weight: .inf}}}}", "parameters.weight", "finite"),
    ("sum of weights", "merge_method: linear\nmodels: [{{model: {base}, parameters: {{weight: 1}}}}, {{model: {other}, parameters: {{weight: -1}}}}]", "models", "sum to 0"),
    ("weight of the base", "merge_method: ties\nbase_model: {base}\nmodels: [{{model: {base}, parameters: {{weight: 1}}}}, {{model: {other}, parameters: {{weight: 1}}}}]", "models[0].parameters.weight", "no effect"),
    ("no base", "merge_method: ties\nmodels: [{{model: {base}}}, {{model: {other}}}]\nparameters: {{weight: 1}}", "base_model", "needs one"),
    ("base that would join", "merge_method: linear\nbase_model: {base}\nmodels: [{{model: {other}}}]\nparameters: {{weight: 1}}", "base_model", "add it"),
    ("too many", "merge_method: slerp\nbase_model: {base}\nmodels: [{{model: {other}}}, {{model: {third}}}]\nparameters: {{t: 0.5}}", "models", "takes 2 models"),
    ("too few", f"merge_method: model_stock\nbase_model: {{base}}\n{MODELS}", "models", "at least 3"),
    ("base alone", "merge_method: ties\nbase_model: {base}\nmodels: [{{model: {base}}}]", "models", "at least 1"),
    ("twice", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {base}}}]\nparameters: {{weight: 1}}", "models", "twice"),
    ("two pluses", "merge_method: linear\nmodels: [{{model: a+b+c}}]\nparameters: {{weight: 1}}", "models[0].model", "one '+'"),
    ("dtype", f"{LINEAR}parameters: {{{{weight: 1}}}}\ndtype: float8", "dtype", "bfloat16"),
    ("float64 out", f"{LINEAR}parameters: {{{{weight: 1}}}}\ndtype: float64", "dtype", "out_dtype"),
    ("range backwards", "merge_method: passthrough\nslices: [{{sources: [{{model: {base}, layer_range: [2, 1]}}]}}]", "slices[0].sources[0].layer_range", "after the start"),
    ("range of words", "merge_method: passthrough\nslices: [{{sources: [{{model: {base}, layer_range: [0, all]}}]}}]", "slices[0].sources[0].layer_range[1]", "integer"),
    ("unequal slices", "merge_method: linear\nslices: [{{sources: [{{model: {base}, layer_range: [0, 2]}}, {{model: {other}, layer_range: [0, 1]}}]}}]\nparameters: {{weight: 1}}", "slices[0]", "need as many"),
    ("ends of slices", "merge_method: linear\nslices:\n- sources: [{{model: {base}, layer_range: [0, 1]}}]\n- sources: [{{model: {base}, layer_range: [1, 2]}}, {{model: {other}, layer_range: [1, 2]}}]\nparameters: {{weight: 1}}", "slices[1]", "final norm"),
    ("slice without base", "merge_method: slerp\nbase_model: {base}\nslices: [{{sources: [{{model: {other}, layer_range: [0, 1]}}, {{model: {third}, layer_range: [0, 1]}}]}}]\nparameters: {{t: 0.5}}", "slices[0]", "base model"),
    ("layers beyond", "merge_method: passthrough\nslices: [{{sources: [{{model: {base}, layer_range: [0, 3]}}]}}]", "slices[0].sources[0].layer_range", "2 layers"),
    ("other depth", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {deep}}}]\nparameters: {{weight: 1}}", "models[1]", "use slices"),
    ("other size", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {wide}}}]\nparameters: {{weight: 1}}", "models[1]", "equal shapes"),
    ("other size below", STACK + "- sources: [{{model: {wide}, layer_range: [0, 1]}}]", "slices[1].sources[0]", "equal shapes"),
    ("other architecture", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {qwen}}}]\nparameters: {{weight: 1}}", "models[1]", "one architecture"),
    ("other vocabulary", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {words}}}]\nparameters: {{weight: 1}}", "models[1]", "tokenizer_source"),
    ("no such model", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: ./nowhere}}]\nparameters: {{weight: 1}}", "models[1]", "no such folder"),
    ("no such adapter", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {base}+./nowhere}}]\nparameters: {{weight: 1}}", "models[1]", "no such folder"),
    ("foreign adapter", "merge_method: linear\nmodels: [{{model: {base}}}, {{model: {wide}+{adapter}}}]\nparameters: {{weight: 1}}", "models[1]", "another base"),
    ("two tokenizers", f"{LINEAR}parameters: {{{{weight: 1}}}}\ntokenizer_source: union\ntokenizer: {{{{source: base}}}}", "tokenizer_source", "keep one"),
    ("token", f"{LINEAR}parameters: {{{{weight: 1}}}}\ntokenizer: {{{{tokens: {{{{<a>: {{{{source: {{{{kind: model_token}}}}}}}}}}}}}}}}", "tokenizer.tokens.<a>.source", "needs 'model'"),
    ("template", f"{LINEAR}parameters: {{{{weight: 1}}}}\nchat_template: chatlm", "chat_template", "chatml"),
    ("residual", "merge_method: passthrough\nslices: [{{residual_weight: 1, sources: [{{model: {base}, layer_range: [0, 2]}}]}}]", "slices[0].residual_weight", "no effect"),
    ("experts per token", EXPERTS.replace("token: 1", "token: 3"), "experts_per_token", "2 experts"),
    ("one expert", "base_model: {base}\nexperts_per_token: 1\nexperts: [{{source_model: {other}, positive_prompts: [a]}}]", "experts", "two or more"),
    ("same prompts", EXPERTS.replace("[b]", "[a]"), "experts", "same prompts"),
    ("no prompts", EXPERTS.replace(", positive_prompts: [b]", ""), "experts[1]", "positive_prompts"),
    ("gate", EXPERTS + "gate_mode: hiden", "gate_mode", "hidden"),
    ("identical experts", EXPERTS.replace("{third}", "{copy}"), "experts[1]", "same weights"),
    ("attention expert", EXPERTS.replace("source_model: {third}", "adapter: {attention}"), "experts[1]", "feed-forward"),
    ("architecture of experts", EXPERTS + "architecture: qwen3", "architecture", "qwen3"),
    ("deepseek", EXPERTS + "architecture: deepseek", "architecture", "hub"),
    ("strange shared expert", EXPERTS + "shared_experts: [{{adapter: {adapter}, positive_prompts: [c]}}]", "shared_experts[0]", "one of the experts"),
    ("rank", "extract_lora: {{model: {other}, base_model: {base}, rank: 0}}", "extract_lora.rank", "greater than"),
    ("rank above all", "extract_lora: {{model: {other}, base_model: {base}, rank: 500}}", "extract_lora.rank", "above"),
    ("nothing to extract", "extract_lora: {{model: {other}, base_model: {copy}}}", "extract_lora.model", "no difference"),
    ("expression", "extract_lora: {{model: {other}, base_model: {base}, exclude: ['(']}}", "extract_lora.exclude[0]", "regular expression"),
    ("name", f"{LINEAR}parameters: {{{{weight: 1}}}}\nname: a/b", "name", "letters"),
    ("seed", f"{LINEAR}parameters: {{{{weight: 1}}}}\nseed: -1", "seed", "greater than"),
]  # fmt: skip
