"""The folder that vLLM serves: base, adapters and the line; what vLLM would not load, or compute differently, is refused."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from adapt.errors import AdaptError, ModelError
from adapt.workspace.folder import Workspace
from merge.export.export import export
from merge.export.job import Request
from tests.merge.export.exported import publish_adapter, publish_model
from tests.tiny import make_adapter, make_base

VLLM = Request(form="vllm")
UNVERIFIED = Request(form="vllm", verify=False)


def odd_adapter(folder: Path, base: Path, **settings: Any) -> Path:
    """Write an untrained adapter with these settings."""
    config = LoraConfig(
        **{"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", **settings}
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


@pytest.mark.slow
def test_adapters_of_one_base_are_laid_out_with_the_line_that_serves_them(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path
) -> None:
    for name, rank in (("support", 4), ("dates", 12)):
        folder = make_adapter(tmp_path / name, tiny_folder, rank=rank)
        publish_adapter(workspace, name, folder, tiny_folder)

    exported = export(workspace, ["support", "dates"], tmp_path / "out", VLLM)

    out = tmp_path / "out"
    assert exported.verification.verified is False
    assert exported.verification.sentence.startswith(
        "not opened in vLLM itself; verified in transformers"
    )
    assert exported.verification.figures["same"] == 40
    assert (out / "base" / "model.safetensors").is_file()
    assert (out / "base" / "tokenizer.json").is_file()
    assert (out / "adapters" / "dates" / "adapter_model.safetensors").is_file()
    assert not list(out.rglob("card.json"))
    script = out / "serve.sh"
    assert os.access(script, os.X_OK)
    words = shown_words(script, tmp_path)
    assert words == [
        "serve", "./base", "--enable-lora", "--max-loras", "2", "--max-lora-rank", "16", "--lora-modules",
        "support=./adapters/support", "dates=./adapters/dates", "--port", "81",
    ]  # fmt: skip
    assert "dates@1" in (out / "README.md").read_text()


def shown_words(script: Path, tmp_path: Path) -> list[str]:
    """Return with which words the script calls vllm, which is one that prints them here."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "vllm").write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    (tools / "vllm").chmod(0o755)
    done = subprocess.run(
        [str(script), "--port", "81"],
        env={"PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_merged_model_is_served_by_its_name(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path
) -> None:
    publish_model(workspace, "team", tiny_folder)

    export(workspace, ["team"], tmp_path / "out", UNVERIFIED)

    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
    assert shown_words(tmp_path / "out" / "serve.sh", tmp_path)[:4] == [
        "serve", "./model", "--served-model-name", "team",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"modules_to_save": ["lm_head"]}, r"whole tensors \(modules_to_save\)"),
        ({"use_dora": True}, "DoRA"),
        ({"target_modules": ["embed_tokens"]}, "a low-rank change of the embedding"),
        ({"lora_bias": True}, "biases"),
        ({"rank_pattern": {"q_proj": 8}}, "another scaling for some modules"),
        ({"alpha_pattern": {"q_proj": 3}}, "another scaling for some modules"),
        ({"r": 513}, "rank 513, above 512"),
    ],
)
def test_what_vllm_does_not_serve_is_refused_with_the_way_out(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    folder = odd_adapter(tmp_path / "odd", tiny_folder, **settings)
    publish_adapter(workspace, "odd", folder, tiny_folder)

    with pytest.raises(
        ModelError, match=rf"odd@1: vLLM does not serve an adapter with {says}.*merge it"
    ):
        export(workspace, ["odd"], tmp_path / "out", UNVERIFIED)
    assert not (tmp_path / "out").exists()


def test_a_pattern_of_ranks_that_keeps_the_scaling_is_served(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path
) -> None:
    patterns = {"rank_pattern": {"q_proj": 20}, "alpha_pattern": {"q_proj": 40}, "lora_alpha": 8}
    folder = odd_adapter(tmp_path / "odd", tiny_folder, **patterns)
    publish_adapter(workspace, "odd", folder, tiny_folder)

    export(workspace, ["odd"], tmp_path / "out", UNVERIFIED)

    assert "--max-lora-rank 32" in (tmp_path / "out" / "serve.sh").read_text()


def test_adapters_of_two_bases_or_two_versions_are_refused(
    workspace: Workspace, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    other = make_base(tmp_path / "other", seed=9)
    for _ in range(2):
        publish_adapter(workspace, "support", tiny_adapter, tiny_folder)
    publish_adapter(workspace, "dates", make_adapter(tmp_path / "dates", other), other)

    with pytest.raises(AdaptError, match=r"have one base; here are support@2 on .*dates@1 on"):
        export(workspace, ["support", "dates"], tmp_path / "out", UNVERIFIED)
    with pytest.raises(AdaptError, match="two versions of one adapter"):
        export(workspace, ["support@1", "support@2"], tmp_path / "out", UNVERIFIED)


def test_a_base_that_was_changed_since_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    publish_adapter(workspace, "support", make_adapter(tmp_path / "a", base), base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))

    with pytest.raises(ModelError, match=r"its base '.*' was changed since"):
        export(workspace, ["support"], tmp_path / "out", UNVERIFIED)
