# ruff: noqa: E501  one line for each case
"""Recipes that cannot work, each with the field that has to be named and a word of the reason.

`{base}`, `{a}` and so on are filled in with folders that `test_wrong_recipes.py` makes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """A wrong recipe: `text` is YAML, `field` stands in the refusal after its line, `word` in its reason."""

    name: str
    text: str
    field: str
    word: str
    has_line: bool = True  # what is not written down has no line


def _two(method: str, rest: str = "", a: str = "{}", b: str = "{}") -> str:
    """Return a recipe of two adapters: lines 1 and 2 the head, 3 to 7 the models, then the rest."""
    return (
        f"merge_method: {method}\nbase_model: '{{base}}'\nmodels:\n"
        f"  - adapter: '{{a}}'\n    parameters: {_braced(a)}\n"
        f"  - adapter: '{{b}}'\n    parameters: {_braced(b)}\n{rest}"
    )


def _braced(text: str) -> str:
    """Return flow YAML that survives `str.format`."""
    return text.replace("{", "{{").replace("}", "}}")


def _one(adapter: str, method: str = "ties", base: str = "base") -> str:
    return (
        f"merge_method: {method}\nbase_model: '{{{base}}}'\nmodels:\n  - adapter: '{{{adapter}}}'\n"
    )


MODEL_0 = "models[0].adapter"
WEIGHT_0 = "models[0].parameters.weight"

WRONG = (
    # what a recipe may say
    Wrong("a method that does not exist", _two("tise"), "merge_method", "did you mean ties"),
    Wrong("a method near none", _two("average_of_all"), "merge_method", "there is: task_arithmetic"),
    Wrong("a key with a letter missing", _two("ties", "parameterz: {{}}"), "parameterz", "parameters?"),
    Wrong("a key of a source misspelt", _two("ties").replace("adapter: '{b}'", "adaptor: '{b}'"), "models[1].adaptor", "adapter?"),
    Wrong("a parameter misspelt", _two("ties", a="{weightt: 1}"), "models[0].parameters.weightt", "did you mean weight"),
    Wrong("a parameter of another method", _two("ties", "parameters: {{gamma: 0.1}}"), "parameters.gamma", "does not use it"),
    Wrong("a shared parameter at a source", _two("ties", a="{normalize: true}"), "models[0].parameters.normalize", "whole merge"),
    Wrong("a key twice", _two("ties", "base_model: other"), "base_model", "written twice (also in line 2)"),
    Wrong("no method", _one("a").replace("merge_method: ties\n", ""), "merge_method", "is missing", has_line=False),
    Wrong("no models", "merge_method: ties\nbase_model: '{base}'\n", "models", "is missing", has_line=False),
    Wrong("an empty list of models", "merge_method: ties\nmodels: []\n", "models", "names no adapter"),
    Wrong("the base alone", "merge_method: ties\nbase_model: '{base}'\nmodels:\n  - model: '{base}'\n", "models", "names no adapter"),
    Wrong("adapter and model at once", _one("a") + "    model: '{base}+{a}'\n", "models[0]", "needs either"),
    Wrong("neither adapter nor model", "merge_method: ties\nmodels:\n  - parameters: {{weight: 1}}\n", "models[0]", "needs either"),
    Wrong("two plus signs", "merge_method: ties\nmodels:\n  - model: a+b+c\n", "models[0].model", "more than one '+'"),
    Wrong("half of base+adapter", "merge_method: ties\nmodels:\n  - model: '{base}+'\n  - adapter: '{a}'\n", "models[0].model", "only half"),
    Wrong("a revision of the hub", "merge_method: ties\nmodels:\n  - model: {{model: {{path: '{base}', revision: main}}, lora: '{a}'}}\n", "models[0].model.model.revision", "not fetched"),
    Wrong("a dtype that nobody writes", _two("ties", "dtype: float8"), "dtype", "bfloat16"),
    # values
    Wrong("normalize as text", _two("ties", "parameters: {{normalize: 'true'}}"), "parameters.normalize", "true or false"),
    Wrong("normalize as a number", _two("ties", "parameters: {{normalize: 1}}"), "parameters.normalize", "true or false"),
    Wrong("density 0", _two("ties", a="{density: 0}"), "models[0].parameters.density", "in (0, 1]"),
    Wrong("density 1.5", _two("ties", a="{density: 1.5}"), "models[0].parameters.density", "in (0, 1]"),
    Wrong("density below 0", _two("ties", a="{density: -1}"), "models[0].parameters.density", "in (0, 1]"),
    Wrong("density not a number", _two("ties", a="{density: .nan}"), "models[0].parameters.density", "finite"),
    Wrong("density as text", _two("ties", a="{density: '0.5'}"), "models[0].parameters.density", "without quotes"),
    Wrong("a power of ten that YAML reads as text", _two("ties", a="{density: 1e-2}"), "models[0].parameters.density", "write 0.01"),
    Wrong("lambda without end", _two("ties", "parameters: {{lambda: .inf}}"), "parameters.lambda", "finite"),
    Wrong("a weight that is a flag", _two("ties", a="{weight: true}"), WEIGHT_0, "should be a number"),
    Wrong("a weight of nothing", _two("ties", a="{weight: null}"), WEIGHT_0, "should be a number"),
    Wrong("a seed that is no whole number", _two("dare_ties", "parameters: {{seed: 0.5}}"), "parameters.seed", "whole number"),
    Wrong("a seed for each layer", _two("dare_ties", "parameters: {{seed: [1, 2]}}"), "parameters.seed", "one value"),
    Wrong("an inner method that does not exist", _two("knots", "parameters: {{inner: dare}}"), "parameters.inner", "task_arithmetic, ties"),
    Wrong("all weights 0", _two("ties", a="{weight: 0}", b="{weight: 0.0}"), "models", "all weights are 0"),
    Wrong("a mean whose weights cancel", _two("linear", a="{weight: 1}", b="{weight: -1}"), "models", "sum to 0"),
    Wrong("probabilities of DELLA out of range", _two("della", "parameters: {{density: 0.1, epsilon: 0.2}}"), "parameters.epsilon", "leaves (0, 1)"),
    Wrong("the same over the layers", _two("della", "parameters: {{density: [0.5, 0.1], epsilon: 0.2}}"), "parameters.density", "leaves (0, 1)"),
    Wrong("a density that keeps nothing", _two("breadcrumbs", a="{density: 1.0e-6}"), "models[0].parameters.density", "keeps no entry"),
    Wrong("a mean that uses the base in secret", _two("linear", "parameters: {{weight: 0.5}}"), "parameters.weight", "list the base"),
    # gradients and filters
    Wrong("a gradient of texts", _two("ties", a="{weight: ['a', 0.5]}"), f"{WEIGHT_0}[0]", "should be a number"),
    Wrong("a gradient with one number as text", _two("ties", a="{weight: [0.1, '0.5']}"), f"{WEIGHT_0}[1]", "without quotes"),
    Wrong("a gradient that leaves the range", _two("ties", a="{density: [0.5, 1.2]}"), "models[0].parameters.density[1]", "in (0, 1]"),
    Wrong("an empty gradient", _two("ties", a="{weight: []}"), WEIGHT_0, "empty list"),
    Wrong("a list in a list", _two("ties", a="{weight: [[1, 2]]}"), f"{WEIGHT_0}[0]", "should be a number"),
    Wrong("a filter without a value", _two("ties", a="{weight: [{filter: mlp}, {value: 1}]}"), f"{WEIGHT_0}[0]", "has no value"),
    Wrong("filters without a rest", _two("ties", a="{weight: [{filter: mlp, value: 0.5}]}"), WEIGHT_0, "no filter matches"),
    Wrong("a filter that is a number", _two("ties", a="{weight: [{filter: 3, value: 1}, {value: 1}]}"), f"{WEIGHT_0}[0].filter", "part of tensors' names"),
    Wrong("a filter after the rest", _two("ties", a="{weight: [{value: 1}, {filter: mlp, value: 0.5}]}"), f"{WEIGHT_0}[1]", "never used"),
    Wrong("a pattern instead of a filter", _two("ties", a="{weight: [{pattern: mlp, value: 1}, {value: 1}]}"), f"{WEIGHT_0}[0].pattern", "known keys: filter, value"),
    Wrong("values among filters", _two("ties", a="{weight: [0.5, {value: 1}]}"), f"{WEIGHT_0}[0]", "mixes values and filters"),
    Wrong("a filter inside a filter", _two("ties", a="{weight: {value: [{filter: a, value: 1}]}}"), f"{WEIGHT_0}.value", "inside a filter"),
    Wrong("a gradient mean that cancels in a layer", _two("linear", a="{weight: [1, -1]}", b="{weight: 1}"), "models", "sum to 0"),
    # how many
    Wrong("SLERP of one", _one("a", "slerp"), "models", "exactly 2 adapters, and there are 1"),
    Wrong("SLERP of three", _two("slerp") + "  - adapter: '{b}'\n", "models", "exactly 2 adapters, and there are 3"),
    Wrong("model stock of one", _one("a", "model_stock"), "models", "at least 2 adapters"),
    # what is not there, or not that
    Wrong("an adapter that is not there", _one("nowhere"), MODEL_0, "no such folder"),
    Wrong("a name that the registry does not know", "merge_method: ties\nmodels:\n  - adapter: biling\n", MODEL_0, "did you mean billing"),
    Wrong("a version that there is not", "merge_method: ties\nmodels:\n  - adapter: billing@9\n", MODEL_0, "no version of 'billing'"),
    Wrong("a folder without an adapter", _one("empty"), MODEL_0, "no adapter_config.json"),
    Wrong("a damaged adapter", _one("truncated"), MODEL_0, "damaged"),
    Wrong("an adapter of whole numbers", _one("integers"), MODEL_0, "is I8"),
    Wrong("an adapter that is a pickle", _one("pickled"), MODEL_0, "pickle"),
    Wrong("an adapter that changes the base", _one("pissa"), MODEL_0, "pissa"),
    Wrong("ranks of configuration and tensors", _one("ranks"), MODEL_0, "do not fit rank 5"),
    Wrong("an adapter of other shapes", _one("shapes"), MODEL_0, "trained on another base"),
    Wrong("a layer that the base lacks", _one("layers"), MODEL_0, "layers.7"),
    Wrong("an adapter of another architecture", _one("of_gpt"), MODEL_0, "c_attn"),
    Wrong("a resized vocabulary", _one("resized"), MODEL_0, "98 tokens"),
    Wrong("a tokenizer with other tokens", _one("speaking", base="speaker"), MODEL_0, "<new>"),
    Wrong("a tokenizer with other numbers", _one("renumbered", base="speaker"), MODEL_0, "others in the base's"),
    Wrong("a tokenizer that is cut off", _one("garbled", base="speaker"), MODEL_0, "not readable JSON"),
    Wrong("a head of another vocabulary", _one("headed"), MODEL_0, "98 tokens (lm_head.weight)"),
    Wrong("DoRA for a method of factors", _one("dora", "core_space"), MODEL_0, "works on the factors"),
    Wrong("an adapter of another base", "merge_method: ties\nbase_model: '{base}'\nmodels:\n  - adapter: foreign\n", MODEL_0, "was trained on"),
    Wrong("two bases", "merge_method: ties\nmodels:\n  - model: '{base}+{a}'\n  - model: '{gemma}+{a}'\n", "base_model", "different ones", has_line=False),
    Wrong("a second base beside the named one", "merge_method: ties\nbase_model: '{base}'\nmodels:\n  - model: '{gemma}+{a}'\n", "models[0].model", "is not the base"),
    Wrong("no base to be found", "merge_method: ties\nmodels:\n  - adapter: '{a}'\n", "base_model", "is missing", has_line=False),
    Wrong("a base that is not there", _one("a", base="nowhere"), "base_model", "no such folder"),
    Wrong("a base without configuration", _one("a", base="empty"), "base_model", "config.json"),
    Wrong("a quantised base", _one("a", base="quantised"), "base_model", "quantised"),
    Wrong("a base of whole numbers", _one("a", base="int8"), MODEL_0, "is I8"),
    Wrong("a missing shard", _one("a", base="torn"), "base_model", "is missing"),
    Wrong("a base with fewer layers than it says", _one("a", base="short"), "base_model", "says 3 layers"),
    Wrong("a name that leads out of the workspace", _one("a") + "name: ../escape\n", "name", "cannot name a model"),
    # how it is measured
    Wrong("a held-out file that is not there", _one("a") + "evaluate: {{a: none.jsonl}}\n", "evaluate.a", "no such file"),
    Wrong("a domain that no adapter has", _one("a") + "evaluate: {{weather: '{rows}'}}\n", "evaluate.weather", "write {file: …, adapter: …}"),
    Wrong("a search of less than no time", _one("a") + "search: {{minutes: -1, validation: {{a: '{rows}'}}}}\n", "search.minutes", "greater than 0"),
    Wrong("a search over no method", _one("a") + "search: {{methods: [tise], validation: {{a: '{rows}'}}}}\n", "search.methods[0]", "no method named 'tise'"),
    Wrong("a search that sees nothing", _one("a") + "search: {{minutes: 1}}\n", "search.validation", "is missing"),
    Wrong("a search that sees the test", _one("a") + "evaluate: {{a: '{rows}'}}\nsearch: {{validation: {{a: '{same_rows}'}}}}\n", "search.validation.a", "same rows as evaluate.a"),
    Wrong("a fit that sees the test", _two("regmean") + "evaluate: {{a: '{rows}'}}\ncalibration: {{a: '{same_rows}'}}\n", "calibration.a", "same rows as evaluate.a"),
    Wrong("a fit without rows", _two("regmean"), "merge_method", "there are none for"),
    Wrong("rows of a domain that no adapter has", _two("regmean", "calibration: {{weather: '{rows}'}}"), "calibration.weather", "write {file: …, adapter: …}"),
    Wrong("a ridge of nothing", _two("regmean", "parameters: {{ridge: 0}}"), "parameters.ridge", "in (0, 1]"),
    Wrong("a key of the search misspelt", _one("a") + "search: {{minutez: 1, validation: {{a: '{rows}'}}}}\n", "search.minutez", "did you mean minutes"),
    Wrong("a measured base without a tokenizer", _one("a") + "evaluate: {{a: '{rows}'}}\n", "evaluate", "no tokenizer"),
)  # fmt: skip
