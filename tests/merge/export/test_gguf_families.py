"""Every family and every cut in llama.cpp: the same tokens and the same answers as in transformers; the rest by name."""

import json
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file

from adapt.errors import ModelError
from merge.export.engines import LlamaCppEngine, has_llama_cpp, load_fp32
from merge.export.gguf.tokenizer import read_vocabulary
from merge.export.gguf.types import quantize
from merge.export.gguf.writer import write_gguf
from merge.export.verify import PROMPTS, Verification, compare, refer
from tests.merge.families import CONFIGS, make_family

STARTER = Path(str(files("adapt.starter"))) / "model"
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
needs_llama_cpp = pytest.mark.skipif(
    not has_llama_cpp(), reason="llama-cpp-python is not installed"
)


def in_llama_cpp(folder: Path, file: Path, *, kind: str = "f32") -> Verification:
    """Return what llama.cpp makes of a folder's GGUF file."""
    write_gguf(folder, file, name="x", kind=kind)
    with closing(LlamaCppEngine(file)) as engine:
        assert engine.template.encode() == str(read_vocabulary(folder).template).encode()
        return compare(refer(*load_fp32(folder)), engine)


@needs_llama_cpp
@pytest.mark.slow
@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_answers_in_llama_cpp_as_in_transformers(family: str, tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", family)

    verification = in_llama_cpp(folder, tmp_path / "m.gguf")

    assert verification.verified, verification.sentence
    assert verification.figures["same"] == len(PROMPTS)


@needs_llama_cpp
@pytest.mark.slow
@pytest.mark.parametrize(
    "cut", ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "spm", "spm-prefix"]
)
def test_every_cut_is_llama_cpps_with_and_without_a_first_token(cut: str, tmp_path: Path) -> None:
    for bos in (False, True):
        folder = make_family(tmp_path / f"base{bos}", "llama", tokenizer=cut, bos=bos)

        verification = in_llama_cpp(folder, tmp_path / f"{bos}.gguf")

        assert verification.figures["cut_alike"] == len(PROMPTS), verification.sentence
        assert verification.verified, verification.sentence


@needs_llama_cpp
@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"rope_parameters": LLAMA3}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"head_dim": 32, "tie_word_embeddings": True}),
        ("qwen3", {"attention_bias": False, "head_dim": 32}),
    ],
    ids=["llama3 rope", "linear rope", "biases", "wide heads, tied", "qwen3 wide"],
)
def test_what_a_configuration_changes_is_changed_in_llama_cpp_too(
    family: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    folder = make_family(tmp_path / "base", family, **changes)

    verification = in_llama_cpp(folder, tmp_path / "m.gguf")

    assert verification.verified, verification.sentence


@needs_llama_cpp
@pytest.mark.slow
def test_the_starter_answers_in_llama_cpp_as_in_transformers(tmp_path: Path) -> None:
    verification = in_llama_cpp(STARTER, tmp_path / "m.gguf")

    assert verification.figures["same"] == len(PROMPTS), verification.sentence


@needs_llama_cpp
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("f16", 18), ("bf16", 18), ("q8_0", 10)])
def test_rounded_types_cut_text_alike_and_answer_mostly_alike(
    kind: str, least: int, tmp_path: Path
) -> None:
    verification = in_llama_cpp(STARTER, tmp_path / "m.gguf", kind=kind)

    assert verification.figures["cut_alike"] == len(PROMPTS)
    assert verification.figures["same"] >= least, verification.sentence


@needs_llama_cpp
@pytest.mark.slow
def test_q8_0_is_byte_for_byte_what_llama_cpp_makes(tmp_path: Path) -> None:
    source = write_gguf(STARTER, tmp_path / "f32.gguf", name="x")

    ours = GGUFReader(write_gguf(STARTER, tmp_path / "ours.gguf", name="x", kind="q8_0"))
    quantize(source, tmp_path / "theirs.gguf", "q8_0")

    theirs = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "theirs.gguf").tensors}
    assert len(ours.tensors) == len(theirs)
    for tensor in ours.tensors:
        assert tensor.tensor_type == theirs[tensor.name].tensor_type, tensor.name
        assert bytes(tensor.data) == bytes(theirs[tensor.name].data), tensor.name


@needs_llama_cpp
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["q4_k_m", "q6_k"])
def test_llama_cpp_makes_k_quants_that_it_opens(kind: str, tmp_path: Path) -> None:
    source = write_gguf(STARTER, tmp_path / "f32.gguf", name="x")

    quantize(source, tmp_path / "k.gguf", kind)

    assert (tmp_path / "k.gguf").stat().st_size < 0.4 * source.stat().st_size
    with closing(LlamaCppEngine(tmp_path / "k.gguf")) as engine:
        assert engine.tokenize("hello") == read_vocabulary(STARTER).tokenizer.encode("hello")


def test_q8_0_is_what_its_definition_says(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "llama")
    weight = load_file(folder / "model.safetensors")["model.layers.0.mlp.up_proj.weight"]

    reader = GGUFReader(write_gguf(folder, tmp_path / "m.gguf", name="x", kind="q8_0"))

    stored = next(tensor for tensor in reader.tensors if tensor.name == "blk.0.ffn_up.weight")
    blocks = torch.from_numpy(stored.data.copy()).reshape(-1, 34)
    scales = blocks[:, :2].contiguous().view(torch.float16).float()
    numbers = blocks[:, 2:].contiguous().view(torch.int8).float()
    apart = (scales * numbers - weight.reshape(-1, 32)).abs()
    assert stored.tensor_type.name == "Q8_0"
    assert bool((apart <= 0.51 * scales + 127 * scales * 2**-11).all())


def test_what_no_block_of_q8_0_holds_becomes_f16(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "llama", intermediate_size=40)

    reader = GGUFReader(write_gguf(folder, tmp_path / "m.gguf", name="x", kind="q8_0"))

    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert (kinds["blk.0.ffn_down.weight"], kinds["blk.0.ffn_up.weight"]) == ("F16", "Q8_0")
    assert kinds["blk.0.ffn_norm.weight"] == "F32"


def test_a_weight_that_f16_cannot_hold_is_refused(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "llama", dtype=torch.bfloat16)
    scale(folder, 1e6)

    with pytest.raises(ModelError, match="F16 cannot hold; use --type bf16"):
        write_gguf(folder, tmp_path / "m.gguf", name="x", kind="f16")

    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def scale(folder: Path, factor: float) -> None:
    from safetensors.torch import save_file

    path = folder / "model.safetensors"
    save_file({name: weight * factor for name, weight in load_file(path).items()}, path)


def test_norms_of_gemma_are_stored_as_they_act(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "gemma2")
    weights = load_file(folder / "model.safetensors")

    reader = GGUFReader(write_gguf(folder, tmp_path / "m.gguf", name="x"))

    values = {tensor.name: torch.from_numpy(tensor.data.copy()) for tensor in reader.tensors}
    for theirs, ours in {
        "output_norm": "model.norm",
        "blk.1.attn_norm": "model.layers.1.input_layernorm",
        "blk.1.post_ffw_norm": "model.layers.1.post_feedforward_layernorm",
    }.items():
        assert torch.equal(values[f"{theirs}.weight"], weights[f"{ours}.weight"] + 1), theirs


def test_a_window_that_llama_cpp_does_not_know_bounds_the_context(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "mistral", sliding_window=128)

    fields = GGUFReader(write_gguf(folder, tmp_path / "m.gguf", name="x")).fields

    assert fields["llama.context_length"].contents() == 128


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("family", "changes", "says"),
    [
        ("llama", {"model_type": "phi3"}, "this is 'phi3'"),
        ("llama", {"hidden_act": "relu"}, "activation 'relu'"),
        ("llama", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "'yarn' rotary"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
            "a partial rotation",
        ),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "odd": 1}},
            "'odd' in its rotary scaling",
        ),
        ("gemma2", {"query_pre_attn_scalar": 144}, "query_pre_attn_scalar 144"),
        ("gemma2", {"layer_types": ["full_attention"] * 2}, "a pattern of sliding windows"),
        ("gemma2", {"attn_logit_softcapping": None}, "no soft cap"),
        ("gemma3_text", {"attn_logit_softcapping": 50.0}, "a soft cap"),
        ("gemma3_text", {"use_bidirectional_attention": True}, "attention in both directions"),
    ],
)
def test_what_llama_cpp_does_not_compute_is_refused_by_name(
    family: str, changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    folder = make_family(tmp_path / "base", family)
    change(folder / "config.json", **changes)

    with pytest.raises(ModelError, match=says):
        write_gguf(folder, tmp_path / "m.gguf", name="x")


@pytest.mark.parametrize(
    ("family", "changes", "says"),
    [
        ("gemma", {"tie_word_embeddings": False}, "an output head of its own"),
        ("qwen2", {"head_dim": 32}, "heads that are not as wide"),
        ("qwen3", {"attention_bias": True}, "the bias 'model.layers.0.self_attn"),
        ("gemma", {"attention_bias": True}, "the bias 'model.layers.0.self_attn"),
    ],
)
def test_weights_without_a_place_are_refused_by_name(
    family: str, changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    folder = make_family(tmp_path / "base", family, **changes)

    with pytest.raises(ModelError, match=says):
        write_gguf(folder, tmp_path / "m.gguf", name="x")


def drop_merge(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["merges"].pop()


def reorder_merges(tokenizer: dict[str, Any]) -> None:
    merges = tokenizer["model"]["merges"]
    several = next(i for i in range(1, len(merges)) if "".join(merges[i]) == "".join(merges[i - 1]))
    merges.append(merges.pop(several))


def odd_spaces(tokenizer: dict[str, Any]) -> None:
    tokenizer["normalizer"]["normalizers"].append({"type": "Lowercase"})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (drop_merge, "its tokenizer's merges are not those of a SentencePiece model"),
        (reorder_merges, "its tokenizer's merges are not those of a SentencePiece model"),
        (odd_spaces, "its tokenizer is none of those"),
    ],
)
def test_a_sentencepiece_that_would_be_cut_otherwise_is_refused(
    spoil: Callable[[dict[str, Any]], None], says: str, tmp_path: Path
) -> None:
    folder = make_family(tmp_path / "base", "llama", tokenizer="spm")
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    spoil(tokenizer)
    path.write_text(json.dumps(tokenizer))

    with pytest.raises(ModelError, match=says):
        write_gguf(folder, tmp_path / "m.gguf", name="x")


def test_further_ends_of_an_answer_are_written(tmp_path: Path) -> None:
    folder = make_family(tmp_path / "base", "llama")
    change(folder / "generation_config.json", eos_token_id=[2, 5])

    fields = GGUFReader(write_gguf(folder, tmp_path / "m.gguf", name="x")).fields

    assert fields["tokenizer.ggml.eos_token_id"].contents() == 2
    assert fields["tokenizer.ggml.eot_token_id"].contents() == 5
