"""Measures an exported starter model on held-out exercises, by greedy decoding through its own chat template.

`python -m adapt.starter.recipe.evaluate --model DIR --data DIR... [--count 100]` prints a table and writes it,
as figures.json and into the model card. Every figure has its n and a 95 % Wilson interval, the bad ones too.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapt.errors import AdaptError
from adapt.starter.recipe.card import write_card
from adapt.starter.recipe.corpus import read_corpus
from adapt.starter.recipe.exercises import Source
from adapt.starter.recipe.files import write_json
from adapt.starter.recipe.measures import Messages, measure_exercises, measure_natural, measure_text
from adapt.starter.recipe.passages import build_library
from adapt.starter.recipe.quoting import quote
from adapt.starter.recipe.record import Figure

MAX_NEW_TOKENS = 120


def evaluate(folder: Path, data: Iterable[Path], *, count: int, seed: int = 0) -> list[Figure]:
    """Open the model folder as a user would and return all figures."""
    corpus = read_corpus(data)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def answer(messages: Messages) -> str:
        chat = [{"role": role, "content": content} for role, content in messages]
        text = str(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))
        ids = torch.tensor([tokenizer.encode(text)])
        output = torch.as_tensor(
            model.generate(ids, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)  # type: ignore[misc]
        )
        return str(tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)).strip()

    libraries = {
        language: build_library(texts) for language, texts in corpus.passages_valid.items()
    }

    def choose(messages: Messages) -> str:
        return quote(model, tokenizer, messages)

    source = Source(libraries, held_out=True)
    figures = measure_exercises(answer, choose, source, count=count, seed=seed)
    figures += measure_natural(answer, choose, seed=seed)
    held_out = {text for texts in corpus.passages_valid.values() for text in texts}
    books = [text for text in corpus.valid if text not in held_out]
    return [
        *figures,
        measure_text(model, tokenizer, books or corpus.valid, pieces=max(2, min(count, 60))),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Evaluate, print the table, write figures.json and the card; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m adapt.starter.recipe.evaluate", description=__doc__
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=100, help="held-out exercises of each kind")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    try:
        figures = evaluate(chosen.model, chosen.data, count=chosen.count)
    except AdaptError as error:
        print(error, file=sys.stderr)
        return 2
    for one in figures:
        print(f"{one.value:7.3f}  [{one.low:.3f}, {one.high:.3f}]  n={one.n:<4} {one.name}")
    write_json(chosen.model / "figures.json", [one.model_dump() for one in figures])
    write_card(chosen.model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
