"""Recipes for mergekit that cannot work: what is wrong, the field that is to be named, a word of the sentence, the text.

`$base`, `$other`, `$third` are folders of models that go together; `$deep` has more layers, `$wide` another size, `$qwen`
another architecture, `$words` another vocabulary, `$copy` is `$other` again; `$adapter` belongs to `$base`, `$attention`
changes the attention alone.
"""

from typing import NamedTuple


class Wrong(NamedTuple):
    """One wrong recipe."""

    what: str
    field: str
    word: str
    text: str


WRONG = [
    Wrong(
        "method",
        "merge_method",
        "slerp",
        """\
merge_method: slurp
models: [{model: $base}]
""",
    ),
    Wrong(
        "no models",
        "",
        "models, slices and modules",
        """\
merge_method: linear
""",
    ),
    Wrong(
        "two forms",
        "slices",
        "exactly one",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
slices: [{sources: []}]
""",
    ),
    Wrong(
        "key",
        "tokeniser_source",
        "tokenizer_source",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
tokeniser_source: union
parameters: {t: 0.5}
""",
    ),
    Wrong(
        "inner key",
        "models[0].models_",
        "did you mean model",
        """\
merge_method: linear
models: [{models_: $base}]
""",
    ),
    Wrong(
        "range of t",
        "parameters.t",
        "in [0, 1]",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: 1.5}
""",
    ),
    Wrong(
        "no t",
        "models",
        "parameter 't'",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
""",
    ),
    Wrong(
        "t of one model",
        "models[1].parameters.t",
        "whole merge",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other, parameters: {t: 1}}]
parameters: {t: 0}
""",
    ),
    Wrong(
        "strings",
        "parameters.t[0]",
        "number",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: [a, b]}
""",
    ),
    Wrong(
        "word for a flag",
        "parameters.normalize",
        "true or false",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1, normalize: 'true'}
""",
    ),
    Wrong(
        "empty gradient",
        "parameters.t",
        "empty",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: []}
""",
    ),
    Wrong(
        "mixed filters",
        "parameters.t[0]",
        "mixes",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: [0.5, {filter: mlp, value: 1}]}
""",
    ),
    Wrong(
        "filters with a hole",
        "models",
        "without a filter",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: [{filter: mlp, value: 1}]}
""",
    ),
    Wrong(
        "filter never reached",
        "parameters.t[1]",
        "never used",
        """\
merge_method: slerp
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {t: [{value: 1}, {filter: mlp, value: 0}]}
""",
    ),
    Wrong(
        "unknown parameter",
        "parameters.weights",
        "did you mean weight",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weights: 1, weight: 1}
""",
    ),
    Wrong(
        "foreign parameter",
        "parameters.density",
        "ignore",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1, density: 0.5}
""",
    ),
    Wrong(
        "density",
        "parameters.density",
        "in (0, 1]",
        """\
merge_method: ties
base_model: $base
models: [{model: $base}, {model: $other}]
parameters: {weight: 1, density: 0}
""",
    ),
    Wrong(
        "not finite",
        "parameters.weight",
        "finite",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: .inf}
""",
    ),
    Wrong(
        "sum of weights",
        "models",
        "sum to 0",
        """\
merge_method: linear
models: [{model: $base, parameters: {weight: 1}}, {model: $other, parameters: {weight: -1}}]
""",
    ),
    Wrong(
        "weight of the base",
        "models[0].parameters.weight",
        "no effect",
        """\
merge_method: ties
base_model: $base
models: [{model: $base, parameters: {weight: 1}}, {model: $other, parameters: {weight: 1}}]
""",
    ),
    Wrong(
        "no base",
        "base_model",
        "needs one",
        """\
merge_method: ties
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "base that would join",
        "base_model",
        "add it",
        """\
merge_method: linear
base_model: $base
models: [{model: $other}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "too many",
        "models",
        "takes 2 models",
        """\
merge_method: slerp
base_model: $base
models: [{model: $other}, {model: $third}]
parameters: {t: 0.5}
""",
    ),
    Wrong(
        "too few",
        "models",
        "at least 3",
        """\
merge_method: model_stock
base_model: $base
models: [{model: $base}, {model: $other}]
""",
    ),
    Wrong(
        "base alone",
        "models",
        "at least 1",
        """\
merge_method: ties
base_model: $base
models: [{model: $base}]
""",
    ),
    Wrong(
        "twice",
        "models",
        "twice",
        """\
merge_method: linear
models: [{model: $base}, {model: $base}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "two pluses",
        "models[0].model",
        "one '+'",
        """\
merge_method: linear
models: [{model: a+b+c}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "dtype",
        "dtype",
        "bfloat16",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
dtype: float8
""",
    ),
    Wrong(
        "float64 out",
        "dtype",
        "out_dtype",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
dtype: float64
""",
    ),
    Wrong(
        "range backwards",
        "slices[0].sources[0].layer_range",
        "after the start",
        """\
merge_method: passthrough
slices:
- sources: [{model: $base, layer_range: [2, 1]}]
""",
    ),
    Wrong(
        "range of words",
        "slices[0].sources[0].layer_range[1]",
        "integer",
        """\
merge_method: passthrough
slices:
- sources: [{model: $base, layer_range: [0, all]}]
""",
    ),
    Wrong(
        "unequal slices",
        "slices[0]",
        "need as many",
        """\
merge_method: linear
slices:
- sources: [{model: $base, layer_range: [0, 2]}, {model: $other, layer_range: [0, 1]}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "ends of slices",
        "slices[1]",
        "final norm",
        """\
merge_method: linear
slices:
- sources: [{model: $base, layer_range: [0, 1]}]
- sources: [{model: $base, layer_range: [1, 2]}, {model: $other, layer_range: [1, 2]}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "slice without base",
        "slices[0]",
        "base model",
        """\
merge_method: slerp
base_model: $base
slices:
- sources: [{model: $other, layer_range: [0, 1]}, {model: $third, layer_range: [0, 1]}]
parameters: {t: 0.5}
""",
    ),
    Wrong(
        "layers beyond",
        "slices[0].sources[0].layer_range",
        "2 layers",
        """\
merge_method: passthrough
slices:
- sources: [{model: $base, layer_range: [0, 3]}]
""",
    ),
    Wrong(
        "other depth",
        "models[1]",
        "use slices",
        """\
merge_method: linear
models: [{model: $base}, {model: $deep}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "other size",
        "models[1]",
        "equal shapes",
        """\
merge_method: linear
models: [{model: $base}, {model: $wide}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "other size below",
        "slices[1].sources[0]",
        "equal shapes",
        """\
merge_method: passthrough
slices:
- sources: [{model: $base, layer_range: [0, 2]}]
- sources: [{model: $wide, layer_range: [0, 1]}]
""",
    ),
    Wrong(
        "other architecture",
        "models[1]",
        "one architecture",
        """\
merge_method: linear
models: [{model: $base}, {model: $qwen}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "other vocabulary",
        "models[1]",
        "tokenizer_source",
        """\
merge_method: linear
models: [{model: $base}, {model: $words}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "no such model",
        "models[1]",
        "no such folder",
        """\
merge_method: linear
models: [{model: $base}, {model: ./nowhere}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "no such adapter",
        "models[1]",
        "no such folder",
        """\
merge_method: linear
models: [{model: $base}, {model: $base+./nowhere}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "foreign adapter",
        "models[1]",
        "another base",
        """\
merge_method: linear
models: [{model: $base}, {model: $wide+$adapter}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "two tokenizers",
        "tokenizer_source",
        "keep one",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
tokenizer_source: union
tokenizer: {source: base}
""",
    ),
    Wrong(
        "token",
        "tokenizer.tokens.<a>.source",
        "needs 'model'",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
tokenizer: {tokens: {<a>: {source: {kind: model_token}}}}
""",
    ),
    Wrong(
        "template",
        "chat_template",
        "chatml",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
chat_template: chatlm
""",
    ),
    Wrong(
        "residual",
        "slices[0].residual_weight",
        "no effect",
        """\
merge_method: passthrough
slices: [{residual_weight: 1, sources: [{model: $base, layer_range: [0, 2]}]}]
""",
    ),
    Wrong(
        "experts per token",
        "experts_per_token",
        "2 experts",
        """\
base_model: $base
experts_per_token: 3
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
""",
    ),
    Wrong(
        "one expert",
        "experts",
        "two or more",
        """\
base_model: $base
experts_per_token: 1
experts: [{source_model: $other, positive_prompts: [a]}]
""",
    ),
    Wrong(
        "same prompts",
        "experts",
        "same prompts",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [a]}
""",
    ),
    Wrong(
        "no prompts",
        "experts[1]",
        "positive_prompts",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third}
""",
    ),
    Wrong(
        "gate",
        "gate_mode",
        "hidden",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
gate_mode: hiddn
""",
    ),
    Wrong(
        "identical experts",
        "experts[1]",
        "same weights",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $copy, positive_prompts: [b]}
""",
    ),
    Wrong(
        "attention expert",
        "experts[1]",
        "feed-forward",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {adapter: $attention, positive_prompts: [b]}
""",
    ),
    Wrong(
        "architecture of experts",
        "architecture",
        "qwen3",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
architecture: qwen3
""",
    ),
    Wrong(
        "deepseek",
        "architecture",
        "hub",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
architecture: deepseek
""",
    ),
    Wrong(
        "strange shared expert",
        "shared_experts[0]",
        "one of the experts",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
shared_experts: [{adapter: $adapter, positive_prompts: [c]}]
""",
    ),
    Wrong(
        "rank",
        "extract_lora.rank",
        "greater than",
        """\
extract_lora: {model: $other, base_model: $base, rank: 0}
""",
    ),
    Wrong(
        "rank above all",
        "extract_lora.rank",
        "above",
        """\
extract_lora: {model: $other, base_model: $base, rank: 500}
""",
    ),
    Wrong(
        "nothing to extract",
        "extract_lora.model",
        "no difference",
        """\
extract_lora: {model: $other, base_model: $copy}
""",
    ),
    Wrong(
        "expression",
        "extract_lora.exclude[0]",
        "regular expression",
        """\
extract_lora: {model: $other, base_model: $base, exclude: ['(']}
""",
    ),
    Wrong(
        "name",
        "name",
        "letters",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
name: a/b
""",
    ),
    Wrong(
        "seed",
        "seed",
        "greater than",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
seed: -1
""",
    ),
    Wrong(
        "no tokenizer",
        "models[0]",
        "has no tokenizer",
        """\
merge_method: passthrough
models: [{model: $wide}]
tokenizer_source: union
""",
    ),
    Wrong(
        "token of a stranger",
        "tokenizer.tokens.office.source",
        "none of the models",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
tokenizer: {tokens: {office: {source: $third}}}
""",
    ),
    Wrong(
        "kind of a token",
        "tokenizer.tokens.office.source",
        "kind: zero",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
tokenizer: {tokens: {office: {source: {kind: mean}}}}
""",
    ),
    Wrong(
        "tokenizer of no base",
        "tokenizer_source",
        "no base_model",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: 1}
tokenizer_source: base
""",
    ),
    Wrong(
        "expert of another size",
        "experts[1]",
        "and that of",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $wide, positive_prompts: [b]}
""",
    ),
    Wrong(
        "two shared experts",
        "shared_experts",
        "one at most",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, positive_prompts: [b]}
shared_experts:
- {source_model: $base, positive_prompts: [c]}
- {source_model: $other, positive_prompts: [d]}
""",
    ),
    Wrong(
        "two names of an expert",
        "experts[1]",
        "either 'source_model' or 'adapter'",
        """\
base_model: $base
experts_per_token: 1
experts:
- {source_model: $other, positive_prompts: [a]}
- {source_model: $third, adapter: $adapter, positive_prompts: [b]}
""",
    ),
    Wrong(
        "a model as an adapter",
        "models[1]",
        "is it an adapter folder",
        """\
merge_method: linear
models: [{model: $base}, {adapter: $other}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "an unknown name",
        "models[1]",
        "no model named",
        """\
merge_method: linear
models: [{model: $base}, {model: $base+billing}]
parameters: {weight: 1}
""",
    ),
    Wrong(
        "extraction of another size",
        "extract_lora.model",
        "change a shape",
        """\
extract_lora: {model: $wide, base_model: $base}
""",
    ),
    Wrong(
        "extraction of another kind",
        "extract_lora.model",
        "one architecture",
        """\
extract_lora: {model: $qwen, base_model: $base}
""",
    ),
    Wrong(
        "filter without value",
        "parameters.weight[0]",
        "has no value",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: [{filter: mlp}, {value: 1}]}
""",
    ),
    Wrong(
        "filter of a number",
        "parameters.weight[0].filter",
        "part of tensors' names",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: [{filter: 3, value: 1}, {value: 1}]}
""",
    ),
    Wrong(
        "unknown key of a filter",
        "parameters.weight[0].filters",
        "known keys: filter, value",
        """\
merge_method: linear
models: [{model: $base}, {model: $other}]
parameters: {weight: [{filters: mlp, value: 1}, {value: 1}]}
""",
    ),
    Wrong(
        "nest of aliases",
        "slices[0].parameters.t.value",
        "filter inside a filter",
        """\
merge_method: slerp
base_model: $base
parameters: {t: 0.5}
slices:
- sources: [{model: $base, layer_range: [0, 1]}, {model: $other, layer_range: [0, 1]}]
  parameters:
    t:
      value:
      - &a {value: 1}
      - &b {value: [*a, *a, *a, *a, *a, *a, *a, *a, *a]}
      - &c {value: [*b, *b, *b, *b, *b, *b, *b, *b, *b]}
      - &d {value: [*c, *c, *c, *c, *c, *c, *c, *c, *c]}
      - &e {value: [*d, *d, *d, *d, *d, *d, *d, *d, *d]}
      - &f {value: [*e, *e, *e, *e, *e, *e, *e, *e, *e]}
      - &g {value: [*f, *f, *f, *f, *f, *f, *f, *f, *f]}
      - &h {value: [*g, *g, *g, *g, *g, *g, *g, *g, *g]}
      - &i {value: [*h, *h, *h, *h, *h, *h, *h, *h, *h]}
""",
    ),
]
