"""Writes the starter model's card (README.md) from recipe.json and figures.json, so that it says only what was measured."""

from pathlib import Path

from adapt.errors import DataError
from adapt.starter.recipe.record import (
    Comparison,
    Figure,
    read_comparison,
    read_figures,
    read_record,
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
(a plain Llama: 6 layers, width 256, 4 heads, 4,096 tokens, no biases, bf16) and was trained from nothing
in {minutes:.0f} minutes on two shared CPU cores. It is made to quote the sentence of a passage that answers a question and to
cite it, to repeat corrections found in its prompt, and to make small talk; how often it manages stands below.

## Limits

It knows nothing: what is not in the prompt, it cannot say, and its free text is grammar without sense. It does not
reason, count, translate or write code, and it fails at short tasks (repeat, spell, extract), although it was trained on
them. Even its quotes often slip by a token or come from the wrong sentence: hold its decoding to the passages. It finds a
sentence by the words that it shares with the question; a question in other words often fails, and so does a name in
another case. Up to about 800 tokens of prompt were trained
(1,024 is the most). Use it to try Adapt, to test, and to learn; put a larger base in its place for work.

## Prompt

A system message of sections joined by a blank line, then user and assistant turns (see `chat_template.jinja`): `{identity}`,
`About the user:` with `- ` lines, `Earlier feedback from this user:` with `- Asked “…”, the right answer was: …` lines, and
`Passages from the user's documents. Answer from them and cite them as [n].` with `[1] file, page` and the text. Where the
passages hold no answer it says `The passages do not say.` (`Los pasajes no lo dicen.` to a Spanish question).
"""

_RECIPE = """
## Recipe

`python -m adapt.starter.recipe --data DIR... --out DIR --minutes {budget:g} --seed {seed}`: {tokens:,} tokens in {steps:,} steps
of about {batch:,} tokens, AdamW, peak rate {rate:g}, cosine, bf16 autocast; 35 % of the tokens plain text, the rest chat exercises
made on the fly (quotes from textbooks, coined facts with near misses, absent facts, earlier feedback, the user's
profile, short tasks, small talk). Prompt tokens weigh 0.15 in the loss, answers 1. No training example labels customer
intents or normalises dates: adapters are there for that.

The circuits that copy are set in the weights by hand before training (`initialise.py`): token before, token before
that, question words, sentence and passage of each token, and heads that continue what stands in that sentence. The
hand-set heads and the input embeddings learn at 0.03 of the rate (at 0.25 in the last part of the budget), the first
layers' MLPs at 0.2, the output matrix, not tied to the embeddings so that these can rest, at 0.3. An earlier version, tied
and trained at the full rate, cited [1] in all sixteen answers looked at after 1M tokens; with heads at 0.15, in fifteen of sixteen after 0.5M.
{comparison}{notes}
Tokenizer: byte-level BPE, digits and line ends alone; meant to equal llama.cpp's `smollm` pre-tokenizer
(by its rules; not tried in llama.cpp).

## Data

| file | bytes | licence | sha256 |
|---|---|---|---|
"""

_MEASURED = """
## Measured

Greedy decoding through the chat template, bf16 weights computed in float32; held-out names, question forms and textbook sections. Share,
95 % interval (Wilson for shares), n. Reproduce: `python -m adapt.starter.recipe.evaluate --model DIR --data DIR...`.

| what | value | 95 % interval | n |
|---|---|---|---|
"""
_SOURCES = """
OpenStax textbooks: OpenStax, Rice University, CC BY 4.0, https://openstax.org. Spanish novels: ELTeC-spa (texts public
domain, mark-up CC BY 4.0). English books: public domain. Full hashes stand in `recipe.json`.
"""


def write_card(folder: Path) -> None:
    """Write README.md into a model folder that holds recipe.json; figures.json and comparison.json where there are.

    Raises:
        DataError: recipe.json is missing, or is the record of a run that has not ended.
    """
    record = read_record(folder / "recipe.json")
    if record.spent is None:
        raise DataError(
            f"{folder / 'recipe.json'}: this run has not ended, so its card cannot be written"
        )
    text = _HEAD.format(
        parameters=record.parameters,
        minutes=record.spent.seconds / 60,
        identity="You are Adapt, a helpful assistant.",
    )
    text += _measured(read_figures(folder / "figures.json"))
    text += _RECIPE.format(
        budget=record.settings.minutes,
        seed=record.seed,
        tokens=record.spent.tokens,
        steps=record.spent.step,
        batch=record.batch_tokens,
        rate=record.settings.learning_rate,
        notes=f"\n{record.notes}\n" if record.notes else "",
        comparison=_compared(read_comparison(folder / "comparison.json")),
    )
    for file in record.data:
        licence = file.licence.split(";")[0].split("(")[0].strip()
        text += f"| {file.name} | {file.size_bytes:,} | {licence} | `{file.sha256[:16]}…` |\n"
    (folder / "README.md").write_text(text + _SOURCES, encoding="utf-8")


def _measured(figures: list[Figure]) -> str:
    if not figures:
        return "\n## Measured\n\nThis is an early export in the middle of training; nothing was measured on it.\n"
    rows = "\n".join(
        f"| {one.name} | {one.value:.3f} | {one.low:.3f} to {one.high:.3f} | {one.n} |"
        for one in figures
    )
    return _MEASURED + rows + "\n"


def _compared(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    rows = "\n".join(
        f"| {name.replace('_', ', ')} | {comparison.copying[name]:.3f} | {value:.3f} |"
        for name, value in sorted(comparison.standard.items())
    )
    hand_set, standard = comparison.tokens
    return (
        f"With them and with transformers' own initialisation, after {hand_set:,} and {standard:,} tokens, on "
        f"{comparison.count} held-out exercises of each kind, one seed (shares of answer tokens right when the ones before are "
        "given, of first tokens right, of answers right in every token):\n\n"
        f"| | hand-set | standard |\n|---|---|---|\n{rows}\n"
    )
