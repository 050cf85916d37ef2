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
from transformers import LlamaForCausalLM

from adapt.errors import AdaptError, DataError
from adapt.starter.recipe.texts.corpus import Corpus, read_corpus
from adapt.starter.recipe.training.batches import Stream, make_source
from adapt.starter.recipe.training.copying import CopyProbe
from adapt.starter.recipe.training.embeddings import token_vectors
from adapt.starter.recipe.training.files import write_json
from adapt.starter.recipe.training.initialise import (
    TOKEN_FROM,
    configuration,
    standard_model,
    starting_model,
)
from adapt.starter.recipe.training.record import RunRecord, read_curve, read_record
from adapt.starter.recipe.training.tokenizer import END, PAD, train_tokenizer
from adapt.starter.recipe.training.train import BEGINNING, TrainSettings, read_probes, train

VECTOR_PIECES = 6000  # of text, for the token vectors: about 5M tokens
SPENT = ("minutes", "step", "tokens")  # of a probe, counted from a run's beginning
LATER_POOL = 1_000_000  # for each run before, so that a starter trained on sees other data


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
    parser.add_argument("--hidden", type=int, default=256, help="width, a multiple of 64")
    parser.add_argument("--layers", type=int, default=6, help="at least 5")
    parser.add_argument(
        "--standard-init", action="store_true", help="begin as transformers does, for comparison"
    )
    parser.add_argument(
        "--no-guides", action="store_true", help="show no head where to look, for comparison"
    )
    parser.add_argument(
        "--probe", type=int, default=32, help="held-out exercises of each kind in the probe"
    )
    parser.add_argument("--no-compile", action="store_true", help="for short runs")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument(
        "--start-from",
        type=Path,
        help="model folder of an existing starter to train on, with fresh data",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="share of the usual learning rates; 0.5 to train a starter on",
    )
    parser.add_argument(
        "--decay-share",
        type=float,
        default=TrainSettings.decay_share,
        help="last part of the budget, over which the rates fall",
    )
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
    model, tokenizer = _begin(chosen, corpus)
    settings = TrainSettings(
        minutes=chosen.minutes,
        tokens=chosen.tokens,
        matrix_rate=chosen.rate * TrainSettings.matrix_rate,
        other_rate=chosen.rate * TrainSettings.other_rate,
        decay_share=chosen.decay_share,
        guide_weight=0.0 if chosen.no_guides else TrainSettings.guide_weight,
        begin_weight=0.0 if chosen.no_guides else TrainSettings.begin_weight,
        naming_weight=0.0 if chosen.no_guides else TrainSettings.naming_weight,
        compiled=not chosen.no_compile,
    )
    record = RunRecord(
        data=corpus.files,
        settings=settings,
        seed=chosen.seed,
        batch_tokens=chosen.batch_tokens,
        initialisation="continued"
        if chosen.start_from
        else "standard"
        if chosen.standard_init
        else "head start",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        versions={
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
        },
        continues=_before(chosen.start_from) if chosen.start_from else None,
    )
    write_json(chosen.out / "recipe.json", record.model_dump())
    stream = Stream(corpus, tokenizer, seed=chosen.seed, batch_tokens=chosen.batch_tokens)
    held_out = make_source(corpus, held_out=True)
    probe = (
        CopyProbe(tokenizer, held_out, count=chosen.probe, seed=chosen.seed)
        if held_out.libraries and chosen.probe
        else None
    )
    begin = replace(BEGINNING, pool=LATER_POOL * len(record.earlier()))
    progress = train(
        model,
        stream,
        settings,
        probe=probe,
        out=chosen.out,
        begin=None if chosen.resume else begin,
    )
    ended = record.model_copy(update={"spent": progress}).model_dump()
    write_json(chosen.out / "recipe.json", ended)
    write_json(chosen.out / "model" / "recipe.json", ended)
    write_json(chosen.out / "model" / "curve.json", _curve(chosen))


def _begin(chosen: argparse.Namespace, corpus: Corpus) -> tuple[LlamaForCausalLM, Tokenizer]:
    """Return the model and tokenizer to begin with: an existing starter's, or new ones."""
    if chosen.start_from:
        if not (chosen.start_from / "config.json").is_file():
            raise DataError(f"{chosen.start_from}: no model folder to start from")
        model = LlamaForCausalLM.from_pretrained(chosen.start_from, dtype=torch.float32)
        return model, Tokenizer.from_file(str(chosen.start_from / "tokenizer.json"))
    stored = chosen.out / "model" / "tokenizer.json"
    if chosen.resume and stored.is_file():
        tokenizer = Tokenizer.from_file(str(stored))
    else:
        tokenizer = train_tokenizer(pieces(corpus, seed=chosen.seed))
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([index], skip_special_tokens=False) for index in range(size)]
    config = configuration(
        size, pad=texts.index(PAD), end=texts.index(END), hidden=chosen.hidden, layers=chosen.layers
    )
    if chosen.standard_init or chosen.resume:
        return standard_model(config, seed=chosen.seed), tokenizer
    sample = list(pieces(corpus, seed=chosen.seed))
    random.Random(f"vectors:{chosen.seed}").shuffle(sample)
    documents = [encoding.ids for encoding in tokenizer.encode_batch(sample[:VECTOR_PIECES])]
    vectors = token_vectors(documents, texts, width=chosen.hidden - TOKEN_FROM, seed=chosen.seed)
    return starting_model(config, vectors, seed=chosen.seed), tokenizer


def _before(folder: Path) -> RunRecord | None:
    """Return the record of the run that an existing starter comes from, if it has one."""
    return read_record(folder / "recipe.json") if (folder / "recipe.json").is_file() else None


def _curve(chosen: argparse.Namespace) -> list[dict[str, float]]:
    """Return the probes of this run, after those of the starter that it goes on from."""
    before = read_curve(chosen.start_from / "curve.json") if chosen.start_from else []
    rows = read_probes(chosen.out)
    if before:
        rows = [{**row, **{name: row[name] + before[-1][name] for name in SPENT}} for row in rows]
    return before + rows


def pieces(corpus: Corpus, *, seed: int) -> Iterator[str]:
    """Yield the text the tokenizer learns from: everything short, and a quarter of the long books."""
    rng = random.Random(f"pieces:{seed}")
    for text in corpus.train:
        for start in range(0, len(text), 20_000):
            if len(text) < 60_000 or rng.random() < 0.25:
                yield text[start : start + 20_000]


if __name__ == "__main__":
    sys.exit(main())
