"""Time to first token and speed of `ModelRuntime` against plain transformers `generate` with the same prompt."""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapt.models.runtime import ModelRuntime
from adapt.records import Message
from adapt.registry.bases.find import STARTER, find_base
from adapt.workspace.folder import Workspace
from tests.benchmarks.report import Row

ROUNDS = 7
NEW_TOKENS = 64
QUESTION = (
    Message(
        "system", "You are Adapt, a helpful assistant.\n\n" + "The office opens at 8:00. " * 40
    ),
    Message("user", "When does the office open?"),
)


def run() -> list[Row]:
    """Return the two rows, rounds interleaved so that both sides see the same machine."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = ModelRuntime(find_base("starter", Workspace(Path(folder) / "w")))
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    prompt = tokenizer.apply_chat_template(
        [m.as_dict() for m in QUESTION],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    first_ours, first_peer, all_ours, all_peer = [], [], [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        first: list[float] = []
        runtime.generate(
            QUESTION,
            on_text=lambda _t, f=first, s=started: f.append(time.perf_counter() - s),
            max_new_tokens=NEW_TOKENS,
        )
        all_ours.append(time.perf_counter() - started)
        first_ours.append(first[0])
        with torch.inference_mode():
            started = time.perf_counter()
            model.generate(**prompt, max_new_tokens=1, do_sample=False)
            first_peer.append(time.perf_counter() - started)
            started = time.perf_counter()
            model.generate(**prompt, max_new_tokens=NEW_TOKENS, do_sample=False)
            all_peer.append(time.perf_counter() - started)
    tokens = prompt["input_ids"].shape[1]
    return [
        _row(
            "time to first text",
            first_ours,
            first_peer,
            f"prompt of {tokens} tokens; peer: generate of 1 token",
        ),
        _row(
            "whole answer, streamed",
            all_ours,
            all_peer,
            f"at most {NEW_TOKENS} tokens; peer: generate, not streamed",
        ),
    ]


def _row(what: str, ours: list[float], peer: list[float], note: str) -> Row:
    mine, theirs = statistics.median(ours), statistics.median(peer)
    return Row(what, f"{1000 * mine:.0f} ms", f"{1000 * theirs:.0f} ms", theirs / mine, note)
