"""Makes the starter model: `python -m adapt.starter.recipe --data DIR... --out DIR --minutes M [--seed 0] [--resume]`."""

import argparse
import platform
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer

from adapt.errors import AdaptError
from adapt.starter.recipe.batches import Stream
from adapt.starter.recipe.copying import CopyProbe
from adapt.starter.recipe.corpus import Corpus, read_corpus
from adapt.starter.recipe.embeddings import Vocabulary
from adapt.starter.recipe.exercises import Source
from adapt.starter.recipe.files import write_json
from adapt.starter.recipe.initialise import copying_model, standard_model
from adapt.starter.recipe.passages import build_library
from adapt.starter.recipe.record import RunRecord
from adapt.starter.recipe.tokenizer import train_tokenizer
from adapt.starter.recipe.train import TrainSettings, train


def main(arguments: list[str] | None = None) -> int:
    """Train the model that the arguments ask for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m adapt.starter.recipe", description=__doc__)
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="data folders, each with a SOURCE.txt"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the log, the checkpoint and model/"
    )
    parser.add_argument("--minutes", type=float, default=75.0, help="training time")
    parser.add_argument(
        "--tokens", type=int, help="train on this many tokens instead, which repeats exactly"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument(
        "--standard-init", action="store_true", help="without the hand-set copying circuit"
    )
    parser.add_argument(
        "--probe", type=int, default=32, help="held-out exercises of each kind in the copying probe"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    chosen = parser.parse_args(arguments)
    try:
        run(chosen)
    except AdaptError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(chosen: argparse.Namespace) -> None:
    """Read, train, write."""
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    corpus = read_corpus(chosen.data)
    chosen.out.mkdir(parents=True, exist_ok=True)
    stored = chosen.out / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(stored)) if chosen.resume and stored.is_file() else None
    tokenizer = tokenizer or train_tokenizer(pieces(corpus, seed=chosen.seed))
    vocabulary = count_tokens(tokenizer, corpus, seed=chosen.seed)
    model = (standard_model if chosen.standard_init else copying_model)(
        vocabulary, seed=chosen.seed
    )
    settings = TrainSettings(minutes=chosen.minutes, tokens=chosen.tokens)
    if chosen.standard_init:  # nothing hand-set that would have to be spared
        settings = replace(
            settings, circuit_factor=1.0, released_factor=1.0, early_factor=1.0, output_factor=1.0
        )
    record = RunRecord(
        data=corpus.files,
        settings=settings,
        seed=chosen.seed,
        batch_tokens=chosen.batch_tokens,
        initialisation="standard" if chosen.standard_init else "copying",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        versions={
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
        },
    )
    write_json(chosen.out / "recipe.json", record.model_dump())
    stream = Stream(corpus, tokenizer, seed=chosen.seed, batch_tokens=chosen.batch_tokens)
    libraries = {
        language: build_library(texts) for language, texts in corpus.passages_valid.items()
    }
    probe = (
        CopyProbe(tokenizer, Source(libraries, held_out=True), count=chosen.probe, seed=chosen.seed)
        if libraries
        else None
    )
    progress = train(model, stream, settings, probe=probe, out=chosen.out, resume=chosen.resume)
    ended = record.model_copy(update={"spent": progress}).model_dump()
    write_json(chosen.out / "recipe.json", ended)
    write_json(chosen.out / "model" / "recipe.json", ended)


def pieces(corpus: Corpus, *, seed: int) -> Iterator[str]:
    """Yield the text the tokenizer learns from: everything short, and a quarter of the long books."""
    rng = random.Random(f"pieces:{seed}")
    for text in corpus.train:
        for start in range(0, len(text), 20_000):
            if len(text) < 60_000 or rng.random() < 0.25:
                yield text[start : start + 20_000]


def count_tokens(tokenizer: Tokenizer, corpus: Corpus, *, seed: int) -> Vocabulary:
    """Return the tokens' texts and how often each occurs in a sample of the corpus."""
    size = tokenizer.get_vocab_size()
    counts = [0] * size
    sample = list(pieces(corpus, seed=seed))
    for text in random.Random(f"counts:{seed}").sample(sample, k=min(300, len(sample))):
        for index in tokenizer.encode(text).ids:
            counts[index] += 1
    return Vocabulary(
        [tokenizer.decode([index], skip_special_tokens=False) for index in range(size)], counts
    )


if __name__ == "__main__":
    sys.exit(main())
