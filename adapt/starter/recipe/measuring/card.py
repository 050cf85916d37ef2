"""Writes the starter model's card (README.md) from what a run left, so that it says only what was measured."""

import json
from collections.abc import Sequence
from pathlib import Path

from adapt.errors import DataError
from adapt.starter.recipe.training.record import (
    Figure,
    RunRecord,
    read_curve,
    read_figures,
    read_record,
    read_sizes,
)

_HEAD = """\
---
license: cc-by-4.0
language: [en, es]
library_name: transformers
pipeline_tag: text-generation
tags: [adapt, starter]
---

# Adapt starter

The language model that comes inside Adapt, so that everything works without a network. It has {parameters:,} parameters
(a plain Llama: {layers} layers, width {hidden}, {heads} heads of 64, {tokens:,} tokens, context {context:,}, no biases, bf16) and was
trained from nothing in {minutes:.0f} minutes on two CPU cores. It is made to find the sentence of the passages that answers a question
and to cite it, to say when there is none, to repeat corrections found in its prompt, to obey a few stated preferences, to write
dates as ISO, to call tools, and to make small talk; how often it manages stands below.

## Limits

It knows nothing: what is not in the prompt, it cannot say, and its free text is grammar without sense. It does not reason, count,
translate or write code. It finds a sentence mostly by the words that it shares with the question. Over passages its
decoding is held to them by default (`"adapt": {{"grounding": "auto"}}` in `config.json`, see `adapt/models/choice` and `adapt/models/decoding/grounding.py`): then it cannot misquote,
and can still choose the wrong sentence. Use it to try Adapt, to test, and to learn; put a larger base in its place for work.

## Prompt

A system message of sections joined by a blank line, then user and assistant turns (see `chat_template.jinja`):
`You are Adapt, a helpful assistant.`, `About the user:` with `- ` lines, `Earlier feedback from this user:` with
`- Asked "…", the right answer was: …` lines, and `Passages from the user's documents. Answer from them and cite them as [n].` with
`[1] file, page` and the text. Where the passages hold no answer it says `Sorry, the passages do not say.` (`Perdón, los pasajes no lo
dicen.` to a Spanish question). Tools are given as JSON schemas through the template's `tools`; a call is one JSON object of
`name` and `arguments`.
"""
_MEASURED = """
## Measured

Greedy decoding through the chat template, bf16 weights computed in float32; names, forms of questions, preferences, dates and tools,
paragraphs and textbook sections that training never saw. Share, 95 % interval (Wilson for shares), n; the goal is the project's.
Reproduce: `adapt starter evaluate --data DIR …` with the folders below. "Held to the passages" was taken with each token the likeliest
of those with which the passages go on; since then the sentence is chosen as a whole (`adapt/models/choice`; `BENCHMARKS.md`, sentences), and
the command measures that.

| what | value | 95 % interval | n | goal |
|---|---|---|---|---|
"""
_RECIPE = """
## Recipe

`python -m adapt.starter.recipe --data DIR... --out DIR --minutes {budget:g} --seed {seed}`: {seen:,} tokens in {steps:,} steps of about
{batch:,} tokens; Muon for the matrices of the layers (peak rate {matrix:g}), AdamW for the rest ({other:g}), warm-up, a level, and a
linear end over the last {decay:.0%} of the budget; bf16 autocast, the forward pass compiled.

Exercises are made on the fly; plain text fills up the rows, and some rows hold nothing else. Only replies are
predicted in exercises. Besides that loss there are three more: choosing a sentence among those shown (the loss of decoding
that is held to the passages); supervised attention (`guides.py`): some heads are shown where to look, since small models did not
find the chain of heads that answers from passages by themselves (none of 40 answers exact after 5M tokens in four pilots); and naming: the
heads that copy are to write the very token that they look at, not one like it (`train.py`). Heads begin near
that chain too (`initialise.py`); nothing is hand-set that training does not change. The result is a plain Llama.
{continues}
### As training went

Held-out exercises of each kind, in one forward pass: `exact`, every token of the answer the likeliest; `chosen`, the right one of the
sentences shown wherever they part.

{curve}
{sizes}{notes}
Tokenizer: byte-level BPE, digits and line ends alone; meant to equal llama.cpp's `smollm` pre-tokenizer.

## Data

| file | bytes | licence | sha256 |
|---|---|---|---|
"""
_SOURCES = """
Full hashes stand in `recipe.json`. Paragraphs of TyDiQA are from Wikipedia (CC BY-SA 3.0), those of the Spanish SQuAD likewise; the
Schema-Guided Dialogues are CC BY-SA 4.0. None of this text is shipped; weights were trained on it.
OpenStax textbooks: OpenStax, Rice University, CC BY 4.0, https://openstax.org. Spanish novels: ELTeC-spa.
"""


def write_card(folder: Path) -> None:
    """Write README.md into a model folder that holds config.json and recipe.json; the rest where there is any.

    Raises:
        DataError: recipe.json is missing, or is the record of a run that has not ended.
    """
    record = read_record(folder / "recipe.json")
    if record.spent is None:
        raise DataError(
            f"{folder / 'recipe.json'}: this run has not ended, so its card cannot be written"
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = _HEAD.format(
        parameters=record.parameters,
        minutes=sum(run.spent.seconds for run in (record, *record.earlier()) if run.spent) / 60,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        tokens=config["vocab_size"],
        context=config["max_position_embeddings"],
    )
    text += _measured(read_figures(folder / "figures.json"))
    text += _RECIPE.format(
        budget=record.settings.minutes,
        seed=record.seed,
        seen=record.spent.tokens,
        steps=record.spent.step,
        batch=record.batch_tokens,
        matrix=record.settings.matrix_rate,
        other=record.settings.other_rate,
        decay=record.settings.decay_share,
        continues=_continued(record),
        curve=_curve(read_curve(folder / "curve.json")),
        sizes=_sizes(read_sizes(folder / "sizes.json")),
        notes=f"\n{record.notes}\n" if record.notes else "",
    )
    for file in record.data:
        licence = file.licence.split(";")[0].split("(")[0].strip()
        text += f"| {file.name} | {file.size_bytes:,} | {licence} | `{file.sha256[:16]}…` |\n"
    (folder / "README.md").write_text(text + _SOURCES, encoding="utf-8")


def _continued(record: RunRecord) -> str:
    earlier = [run.spent for run in record.earlier() if run.spent]
    if not earlier:
        return ""
    amounts = ", ".join(
        f"{spent.tokens:,} tokens in {spent.seconds / 60:.0f} minutes" for spent in earlier
    )
    return (
        f"\nThis run went on from the weights of earlier ones ({amounts}) with fresh exercises.\n"
    )


def _measured(figures: list[Figure]) -> str:
    if not figures:
        return "\n## Measured\n\nThis is an early export in the middle of training; nothing was measured on it.\n"
    rows = "\n".join(
        f"| {figure.name} | {figure.value:.3f} | {figure.low:.3f} to {figure.high:.3f} | {figure.n} | "
        f"{'' if figure.goal is None else f'{figure.goal:.2f}'} |"
        for figure in figures
    )
    return _MEASURED + rows + "\n"


def _curve(rows: Sequence[dict[str, float]]) -> str:
    """Return the probe's figures as a table, a row a probe."""
    if not rows:
        return "No probe was made.\n"
    names = [name for name in rows[-1] if name.endswith(("_exact", "_chosen"))]
    titles = [name.replace("_", ", ") for name in names]
    lines = [f"| minutes | tokens | {' | '.join(titles)} |", "|" + "---|" * (len(names) + 2)]
    for row in rows:
        values = " | ".join(f"{row.get(name, float('nan')):.2f}" for name in names)
        lines.append(f"| {row['minutes']:.0f} | {row['tokens'] / 1e6:.1f}M | {values} |")
    return "\n".join(lines) + "\n"


def _sizes(rows: Sequence[dict[str, float]]) -> str:
    """Return what short runs of other sizes came to."""
    if not rows:
        return ""
    names = [name for name in rows[0] if name not in ("hidden", "layers", "parameters", "minutes")]
    lines = [
        "\n### Other sizes, trained briefly\n",
        f"| width | layers | parameters | minutes | {' | '.join(names)} |",
        "|" + "---|" * (len(names) + 4),
    ]
    for row in rows:
        values = " | ".join(f"{row[name]:,.3g}" for name in names)
        lines.append(
            f"| {row['hidden']:.0f} | {row['layers']:.0f} | {row['parameters']:,.0f} | {row['minutes']:.1f} | {values} |"
        )
    return "\n".join(lines) + "\n"
