"""What the list of bases says of memory, beside what random models take: of 0.1 B, and of the shape of Qwen2.5-0.5B."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from adapt.registry.bases.known import CHAT_TOKENS, KNOWN, KnownBase
from tests.benchmarks.report import Row

ROOT = Path(__file__).parents[3]
SMALL = replace(
    KNOWN[0],
    id="0.1 B",
    parameters=108_570_432,
    trained=3_256_320,
    hidden=576,
    feed_forward=1536,
    layers=20,
    kv=192,
    vocabulary=65_536,
)
HEADS = {SMALL.id: 9, KNOWN[0].id: 14}
CHATTED = 1032  # tokens of prompt and answer


def run() -> list[Row]:
    """Return a row for a chat and one for a training with each shape."""
    return [row for known in (SMALL, KNOWN[0]) for row in _rows(known)]


def _rows(known: KnownBase) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        _side("make", model, json.dumps(_shape(known)))
        chatted = json.loads(_side("chat", model))
        trained, tokens = json.loads(_side("train", model))
    cache = 2 * known.layers * known.kv * (CHAT_TOKENS - CHATTED) * known.bytes_per_weight
    return [
        _row(f"{known.id}: chat over {CHATTED:,} tokens", known.chat_bytes - cache, chatted),
        _row(f"{known.id}: a step of {tokens:,} tokens", known.training_bytes_for(tokens), trained),
    ]


def _shape(known: KnownBase) -> dict[str, int]:
    heads = HEADS[known.id]
    return {
        "vocab_size": known.vocabulary,
        "hidden_size": known.hidden,
        "intermediate_size": known.feed_forward,
        "num_hidden_layers": known.layers,
        "num_attention_heads": heads,
        "num_key_value_heads": known.kv * heads // known.hidden,
    }


def _side(*words: object) -> str:
    command = [sys.executable, "-m", "tests.benchmarks.starter.bases_side", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _row(what: str, stated: int, measured: int) -> Row:
    note = "what `adapt bases` says, beside what a random model of this shape took"
    return Row(what, f"{stated / 1e9:.2f} GB", f"{measured / 1e9:.2f} GB", stated / measured, note)
