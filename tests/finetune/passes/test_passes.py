"""Passes of packed rows: losses and gradients are those that peft's model gives each row by itself."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, Lfm2Config, MistralConfig

from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace
from finetune.passes.joint import JointBase, can_join, keeps_rows_apart, rows_loss, share
from finetune.passes.lora_linear import Part, adapted_linear
from finetune.passes.packed_rows import Pass
from finetune.passes.scheduler import Together
from finetune.planning import derive as planning
from finetune.runs.prepare import make_ready
from finetune.runs.request import TrainingRequest
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from finetune.tokens.examples import IGNORED
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import weights_of
from tests.tiny import SHAPE, tiny_tokenizer

LENGTHS = (30, 5, 17, 1, 9)


def packed(model: PeftModel, lengths: tuple[int, ...] = LENGTHS) -> Pass:
    """Return rows of random tokens whose second half is learned."""
    draw = torch.Generator().manual_seed(3)
    tokens = torch.randint(5, 300, (1, sum(lengths)), generator=draw)
    places = torch.cat([torch.arange(length) for length in lengths])[None]
    learned = torch.cat([torch.arange(length) >= max(length // 2, 1) for length in lengths])[None]
    labels = torch.where(learned, tokens, IGNORED)
    return Pass(model, {"input_ids": tokens, "position_ids": places, "labels": labels}, 31)


def adapted(base: torch.nn.Module, **settings: object) -> PeftModel:
    """Return a model with adapters on all linear layers, none of which is zero."""
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **settings)
    model = get_peft_model(base, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def gradients(loss: torch.Tensor, model: PeftModel) -> dict[str, torch.Tensor]:
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))


def read_both_ways(
    base: torch.nn.Module, **settings: object
) -> tuple[PeftModel, torch.Tensor, torch.Tensor]:
    """Return a model, and the loss of a pass of it by our layers and by peft's, each row by itself."""
    clean = share(base)
    model = adapted(base, **settings)
    pass_ = packed(model)
    joint = JointBase(clean, [model])
    (ours,) = joint.losses([pass_])
    assert can_join(model)
    assert keeps_rows_apart(joint, pass_)
    return model, ours, rows_loss(pass_)


def assert_as_peft(base: torch.nn.Module, **settings: object) -> None:
    model, ours, theirs = read_both_ways(base, **settings)

    torch.testing.assert_close(ours, theirs)
    mine, peft = gradients(ours, model), gradients(theirs, model)
    for name, gradient in peft.items():
        assert gradient.abs().sum() > 0, name
        torch.testing.assert_close(mine[name], gradient, msg=name)


@pytest.mark.parametrize("rank_stabilized", [False, True])
def test_losses_and_gradients_are_those_of_each_row_by_itself(
    any_folder: Path, *, rank_stabilized: bool
) -> None:
    assert_as_peft(AutoModelForCausalLM.from_pretrained(any_folder), use_rslora=rank_stabilized)


def test_a_base_in_bf16_with_adapters_in_fp32_is_read_as_peft_reads_it(tiny_folder: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.bfloat16)

    model, ours, theirs = read_both_ways(base)

    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.01)
    mine, peft = gradients(ours, model), gradients(theirs, model)
    for name, gradient in peft.items():
        assert gradient.dtype == torch.float32
        assert (mine[name] - gradient).norm() < 0.05 * gradient.norm(), name


def test_a_row_longer_than_the_window_sees_no_further_back_than_it() -> None:
    torch.manual_seed(0)
    config = MistralConfig(vocab_size=400, sliding_window=8, **SHAPE)
    base = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    assert_as_peft(base)


@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_with_adapters_on_parts_of_its_rows_has_the_gradients_of_its_formula(
    *, bias: bool
) -> None:
    torch.manual_seed(0)
    base = torch.nn.Linear(5, 6, bias=bias, dtype=torch.float64).requires_grad_(requires_grad=False)
    x = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    matrices = [
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 5), (6, 2), (3, 5), (6, 3))
    ]

    def layer(rows: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        parts = [Part(1, 4, 0.5, *given[:2]), Part(4, 9, 2.0, *given[2:])]
        return adapted_linear(rows, base, parts)

    assert torch.autograd.gradcheck(layer, (x, *matrices))
    first = x[1:4] @ matrices[0].T @ matrices[1].T
    torch.testing.assert_close(layer(x, *matrices)[1:4], base(x)[1:4] + 0.5 * first)
    torch.testing.assert_close(layer(x, *matrices)[0], base(x)[0])


def test_a_base_that_our_layers_cannot_read_is_left_to_peft_and_that_is_said(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    events: list[ProgressEvent] = []
    trainings = Together(share(base), events.append)
    mlp = type(base.model.layers[0].mlp)
    whole = mlp.forward

    def expert(
        self: torch.nn.Module, x: torch.Tensor
    ) -> torch.Tensor:  # reads a part of the tokens
        return torch.cat([whole(self, x[:, :9]), x[:, 9:]], 1)

    monkeypatch.setattr(mlp, "forward", expert)
    model = adapted(base)

    assert trainings.step(packed(model)) is None
    assert trainings.step(packed(model)) is None
    assert [event.detail for event in events] == [
        "peft's layers do the passes, ours cannot read this base (9 tokens of 62 reach a layer)"
    ]


@pytest.mark.parametrize(
    "settings",
    [{"lora_dropout": 0.1}, {"use_dora": True}, {"bias": "lora_only", "lora_bias": True}],
)
def test_adapters_that_are_more_than_two_matrices_are_left_to_peft(
    tiny_folder: Path, settings: dict[str, object]
) -> None:
    model = adapted(AutoModelForCausalLM.from_pretrained(tiny_folder), **settings)

    assert not can_join(model)


def test_one_long_row_keeps_no_others_from_being_packed_unless_attention_is_a_square(
    tiny_folder: Path, write_rows: WriteRows, workspace: Workspace
) -> None:
    rows: list[object] = [{"prompt": f"Number {n}", "completion": str(n % 7)} for n in range(60)]
    rows[7] = {"prompt": "ab " * 200, "completion": "long"}
    request = TrainingRequest(domain="d", files=(write_rows(rows),), base=str(tiny_folder))
    dropped = request.model_copy(update={"settings": SftSettings(dropout=0.1)})

    by_row = make_ready(request, workspace=workspace).plan
    square = make_ready(dropped, workspace=workspace).plan

    assert by_row.longest * 8 > planning.PACKED
    assert (by_row.packing, by_row.micro_batch_size) == (True, 8)
    assert not square.packing
    assert planning._packed_tokens([10, 10], 4) == 40
    assert planning._packed_tokens([5, 15], 4) == 40 + 3 * 5 * 2


@pytest.mark.slow
def test_a_base_that_would_mix_rows_reads_them_one_by_one_and_says_so(
    write_rows: WriteRows, tmp_path: Path
) -> None:
    folder = tmp_path / "lfm2"  # whose convolutions look back over the border of two rows
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    config = Lfm2Config(
        vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, layer_types=["conv", "full_attention"], **SHAPE,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rows: list[object] = [{"prompt": f"Number {n}", "completion": str(n % 7)} for n in range(24)]
    request = TrainingRequest(
        domain="d", files=(write_rows(rows),), base=str(folder),
        settings=SftSettings(epochs=2, rank=4, scored_examples=1, learning_rate=0.001),
    )  # fmt: skip
    padded = request.settings.model_copy(update={"packing": False})
    events: list[ProgressEvent] = []

    artifact = finetune(request, workspace=Workspace(tmp_path / "one"), progress=events.append)
    plain = finetune(
        request.model_copy(update={"settings": padded}), workspace=Workspace(tmp_path / "two")
    )

    assert len([event for event in events if "rows are read one by one" in event.detail]) == 1
    ours, theirs = weights_of(artifact), weights_of(plain)
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=2e-4, rtol=0.01, msg=name)
