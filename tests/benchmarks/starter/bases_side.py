"""Makes a random model, chats with it or trains it, and prints the memory that took: `… KIND FOLDER [SHAPE]`."""

import json
import re
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, Qwen2Config

from ui.environment import prepare

prepare()

from adapt.models.runtime import ModelRuntime  # noqa: E402
from adapt.records import Message  # noqa: E402
from adapt.registry.bases.find import find_base  # noqa: E402  the environment comes first
from adapt.workspace.folder import Workspace  # noqa: E402
from finetune.planning import probe  # noqa: E402
from finetune.runs.prepare import make_ready  # noqa: E402
from finetune.runs.request import TrainingRequest  # noqa: E402
from finetune.settings import SftSettings  # noqa: E402
from tests.tiny import tiny_tokenizer  # noqa: E402

ROWS, ROW_TOKENS = 4, 256


def make(folder: Path, shape: dict[str, int]) -> None:
    """Write random weights in bfloat16, and a tokenizer of few words."""
    words = tiny_tokenizer()
    torch.set_default_dtype(torch.bfloat16)
    config = Qwen2Config(
        **shape,
        tie_word_embeddings=True,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)


def chat(folder: Path) -> int:
    """Return the memory after an answer to a prompt of 1,024 tokens."""
    runtime = ModelRuntime(find_base(str(folder), Workspace(folder.parent / "workspace")))
    ids = runtime.tokenizer("The office opens. " * 1024)["input_ids"][:1024]
    question = [Message("user", runtime.tokenizer.decode(ids))]
    runtime.generate(question, max_new_tokens=8)
    match = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match
    return 1024 * int(match[1])


def train(folder: Path) -> tuple[int, int]:
    """Return the most memory that two steps took, and how many tokens a pass has, half of them learned."""
    runtime = tiny_tokenizer()
    ids = runtime("The office opens at 8:00 on weekdays. " * 99)["input_ids"]
    half = ROW_TOKENS // 2 - 10
    rows = [
        {
            "prompt": runtime.decode(ids[n : n + half]),
            "completion": runtime.decode(ids[n + 3 : n + 3 + half]),
        }
        for n in range(2 * ROWS)
    ]
    data = folder.parent / "rows.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    probe.STEPS = 1
    settings = SftSettings(batch_size=ROWS, micro_batch_size=ROWS)
    request = TrainingRequest(domain="bench", files=(data,), base=str(folder), settings=settings)
    ready = make_ready(request, workspace=Workspace(folder.parent / "workspace"))
    estimate = probe.probe(ready.outline.base, ready.prepared, ready.settings)
    return estimate.peak_bytes, ROWS * ready.plan.longest


def main() -> None:
    """Do one of the three."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "make":
        make(folder, json.loads(sys.argv[3]))
    else:
        sys.stdout.write(json.dumps(chat(folder) if kind == "chat" else train(folder)))


if __name__ == "__main__":
    main()
