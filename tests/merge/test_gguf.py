"""A model as one GGUF file: weights, tokenizer and template come back as they were, and llama.cpp says the same."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jinja2
import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapt.errors import AdaptError, ModelError
from merge.gguf import rotate_halves, without_training_marks, write_gguf
from merge.tensor_file import TensorFile
from tests.tiny import make_base

STARTER = Path(str(files("adapt.starter"))) / "model"
TALK = [
    {"role": "system", "content": "You are Adapt.\n\n[1] a.md\nIt opens at 8:00."},
    {"role": "user", "content": "When does it open?  ¿A qué hora,\n\n 23 «señor»?"},
]


def tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a GGUF file as fp32, in the shapes that torch gives them."""
    found = {}
    for one in GGUFReader(path).tensors:
        shape = [int(size) for size in reversed(one.shape)]
        raw = torch.from_numpy(one.data.copy())
        if one.tensor_type.name == "BF16":
            raw = raw.view(torch.uint8).view(torch.bfloat16)
        found[one.name] = raw.float().reshape(shape)
    return found


@pytest.mark.parametrize("which", ["tiny, fp32, grouped heads", "starter, bf16"])
def test_every_weight_comes_back_with_its_value(which: str, tmp_path: Path) -> None:
    folder = STARTER if which.startswith("starter") else make_base(tmp_path / "base")
    stored = {name: one.float() for name, one in load_file(folder / "model.safetensors").items()}
    heads = json.loads((folder / "config.json").read_text())

    found = tensors(write_gguf(folder, tmp_path / "out.gguf", name="team@1", fp32=False))

    assert len(found) == len(stored)
    assert torch.equal(found["token_embd.weight"], stored["model.embed_tokens.weight"])
    assert torch.equal(found["output_norm.weight"], stored["model.norm.weight"])
    layer = "model.layers.1.self_attn."
    assert torch.equal(found["blk.1.attn_v.weight"], stored[f"{layer}v_proj.weight"])
    query = stored[f"{layer}q_proj.weight"]
    turned = rotate_halves(query, heads["num_attention_heads"])
    assert torch.equal(found["blk.1.attn_q.weight"], turned)
    assert not torch.equal(turned, query)


@pytest.mark.parametrize(("fp32", "stored"), [(None, "F32"), (True, "F32"), (False, "BF16")])
def test_a_small_model_becomes_fp32_unless_told_otherwise(
    tmp_path: Path, fp32: bool | None, stored: str
) -> None:
    reader = GGUFReader(write_gguf(STARTER, tmp_path / "m.gguf", name="x", fp32=fp32))

    kinds = {one.tensor_type.name for one in reader.tensors if len(one.shape) == 2}
    assert kinds == {stored}


def test_a_larger_model_keeps_its_dtype_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge.gguf.SMALL", 1_000_000)

    reader = GGUFReader(write_gguf(STARTER, tmp_path / "m.gguf", name="x"))

    assert {one.tensor_type.name for one in reader.tensors if len(one.shape) == 2} == {"BF16"}


def test_halves_become_neighbours() -> None:
    rows = torch.arange(8)[:, None]  # two heads of four

    assert rotate_halves(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_file_holds_the_tokenizer_and_a_template_that_renders_the_same(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(STARTER)

    fields = GGUFReader(write_gguf(STARTER, tmp_path / "out.gguf", name="team@1")).fields

    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert tokens == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    assert fields["tokenizer.ggml.eos_token_id"].contents() == tokenizer.eos_token_id
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False
    template = fields["tokenizer.chat_template"].contents()
    assert "generation -%}" not in template
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (no HTML)
    rendered = environment.from_string(template).render(
        messages=[*TALK, {"role": "assistant", "content": "At 8:00."}], add_generation_prompt=True
    )
    assert rendered == tokenizer.apply_chat_template(
        [*TALK, {"role": "assistant", "content": "At 8:00."}],
        tokenize=False,
        add_generation_prompt=True,
    )


def test_training_marks_keep_their_space_control() -> None:
    template = "a {%- generation -%} b {% endgeneration -%} c {{ generation }}"

    assert without_training_marks(template) == (
        "a {%- if true -%} b {% endif -%} c {{ generation }}"
    )


def other_rope(folder: Path) -> None:
    change(folder / "config.json", rope_parameters={"rope_type": "yarn", "factor": 2.0})


def other_cut(folder: Path) -> None:
    change(folder / "tokenizer.json", pre_tokenizer={"type": "Whitespace"})


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_rope, "'yarn' rotary scaling is not written yet"),
        (other_cut, "its tokenizer is none of those"),
        (no_tokenizer, "tokenizer.json: no such file"),
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


def test_other_families_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this is 'qwen3'"):
        write_gguf(make_base(tmp_path / "base", "qwen3"), tmp_path / "m.gguf", name="x")


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

    with pytest.raises(OSError, match="No space left"):
        write_gguf(STARTER, tmp_path / "m.gguf", name="x")

    assert len(written) == 5
    assert not list(tmp_path.iterdir())


def test_llama_cpp_cuts_text_and_answers_as_transformers_does(tmp_path: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32).eval()
    path = write_gguf(STARTER, tmp_path / "m.gguf", name="starter")
    theirs = llama_cpp.Llama(str(path), n_ctx=1024, logits_all=False, verbose=False)
    for index in range(20):
        talk = [TALK[0], {"role": "user", "content": f"{TALK[1]['content']} {index * 37}"}]
        prompt = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(prompt, add_special_tokens=False).input_ids

        assert theirs.tokenize(prompt.encode(), add_bos=False, special=True) == ids
        said = model.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False)
        answer = []
        for token in theirs.generate(ids, temp=0.0, repeat_penalty=1.0):
            answer.append(token)
            if token == tokenizer.eos_token_id or len(answer) == 24:
                break
        assert answer == said[0, len(ids) :].tolist()
