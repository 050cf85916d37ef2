"""A model as one GGUF file: weights, tokenizer and template come back as they were, and llama.cpp says the same."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer

from adapt.errors import AdaptError, ModelError, WorkspaceError
from merge.export.gguf.writer import rotate_halves, write_gguf
from merge.weights.safetensors_file import TensorFile
from tests.tiny import make_base

STARTER = Path(str(files("adapt.starter"))) / "model"


def tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a GGUF file as fp32, in the shapes that torch gives them."""
    values = {}
    for tensor in GGUFReader(path).tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        raw = torch.from_numpy(tensor.data.copy())
        if tensor.tensor_type.name == "BF16":
            raw = raw.view(torch.uint8).view(torch.bfloat16)
        values[tensor.name] = raw.float().reshape(shape)
    return values


def kind_of(which: str) -> str:
    return "bf16" if which.startswith("starter") else "f32"


@pytest.mark.parametrize("which", ["tiny, fp32, grouped heads", "starter, bf16"])
def test_every_weight_comes_back_with_its_value(which: str, tmp_path: Path) -> None:
    folder = STARTER if which.startswith("starter") else make_base(tmp_path / "base")
    stored = {
        name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()
    }
    heads = json.loads((folder / "config.json").read_text())

    values = tensors(write_gguf(folder, tmp_path / "out.gguf", name="team@1", kind=kind_of(which)))

    assert len(values) == len(stored)
    assert torch.equal(values["token_embd.weight"], stored["model.embed_tokens.weight"])
    assert torch.equal(values["output_norm.weight"], stored["model.norm.weight"])
    layer = "model.layers.1.self_attn."
    assert torch.equal(values["blk.1.attn_v.weight"], stored[f"{layer}v_proj.weight"])
    query = stored[f"{layer}q_proj.weight"]
    turned = rotate_halves(query, heads["num_attention_heads"])
    assert torch.equal(values["blk.1.attn_q.weight"], turned)
    assert not torch.equal(turned, query)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "stored"), [("", "F32"), ("f32", "F32"), ("bf16", "BF16")])
def test_a_small_model_becomes_f32_unless_told_otherwise(
    tmp_path: Path, kind: str, stored: str
) -> None:
    reader = GGUFReader(write_gguf(STARTER, tmp_path / "m.gguf", name="x", kind=kind))

    kinds = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) == 2}
    assert kinds == {stored}


def test_a_larger_model_keeps_its_dtype_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge.export.gguf.writer.SMALL", 1_000_000)

    reader = GGUFReader(write_gguf(STARTER, tmp_path / "m.gguf", name="x"))

    assert {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) == 2} == {
        "BF16"
    }


def test_halves_become_neighbours() -> None:
    rows = torch.arange(8)[:, None]  # two heads of four

    assert rotate_halves(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_file_holds_the_tokenizer_and_the_template_byte_for_byte(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(STARTER)

    fields = GGUFReader(write_gguf(STARTER, tmp_path / "out.gguf", name="team@1")).fields

    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert tokens == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    assert fields["tokenizer.ggml.eos_token_id"].contents() == tokenizer.eos_token_id
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False
    template = fields["tokenizer.chat_template"].contents()
    assert template.encode() == (STARTER / "chat_template.jinja").read_bytes()


def other_rope(folder: Path) -> None:
    change(folder / "config.json", rope_parameters={"rope_type": "yarn", "factor": 2.0})


def other_cut(folder: Path) -> None:
    change(folder / "tokenizer.json", pre_tokenizer={"type": "Whitespace"})


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_rope, "'yarn' rotary scaling is not written"),
        (other_cut, "its tokenizer is none of those"),
        (no_tokenizer, "no usable tokenizer"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = make_base(tmp_path / "base")
    spoil(folder)

    with pytest.raises(ModelError, match=says):
        write_gguf(folder, tmp_path / "out" / "m.gguf", name="x")

    assert not list(tmp_path.glob("out/*"))


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    target.write_text("mine")

    with pytest.raises(AdaptError, match="exists"):
        write_gguf(STARTER, target, name="x")

    assert target.read_text() == "mine"


def test_a_weight_without_a_place_is_named(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    save_file(
        {**weights, "model.layers.0.extra.weight": torch.zeros(2)}, folder / "model.safetensors"
    )

    with pytest.raises(ModelError, match="GGUF has no place for 'model\\.layers"):
        write_gguf(folder, tmp_path / "m.gguf", name="x")


def test_a_failure_while_weights_are_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    read = TensorFile.read

    def fails_late(file: TensorFile, name: str) -> bytearray:
        written.append(name)
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        return read(file, name)

    monkeypatch.setattr(TensorFile, "read", fails_late)

    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_gguf(STARTER, tmp_path / "m.gguf", name="x")

    assert len(written) == 5
    assert not list(tmp_path.iterdir())
