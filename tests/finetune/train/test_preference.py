"""Training on preferences: chosen answers become likelier than rejected ones, and a stop loses nothing."""

import math
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from adapt.errors import CancelledError, DataError, RecipeError
from adapt.records import Message, PreferencePair
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.planning.base_outline import read_outline
from finetune.planning.probe import probe
from finetune.runs.prepare import make_ready
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from finetune.tokens.examples import Encoder
from finetune.tokens.preferences import EncodedPair, EncodedRating, encode_pair
from finetune.train.preference_margins import (
    PreferencesHeldOut,
    judge,
    losses_of,
    margins,
    reference,
)
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import same, stop_at, weights_of

SETTINGS = SftSettings(
    epochs=6, rank=8, alpha=16, learning_rate=5e-3, checkpoint_seconds=0, batch_size=8
)


@pytest.fixture
def pairs(write_rows: WriteRows) -> Path:
    rows: list[object] = [
        {"prompt": f"Item {n}?", "chosen": f"yes, {n % 5} please", "rejected": f"no, {n % 5} not"}
        for n in range(60)
    ]
    return write_rows(rows, "pairs.jsonl")


@pytest.fixture
def thumbs(write_rows: WriteRows) -> Path:
    rows: list[object] = [
        {
            "prompt": f"Item {n}?",
            "completion": "yes, please" if n % 3 else "no, not this",
            "label": n % 3 > 0,
        }
        for n in range(60)
    ]
    return write_rows(rows, "thumbs.jsonl")


def request_of(path: Path, base: Path, settings: SftSettings = SETTINGS) -> TrainingRequest:
    return TrainingRequest(domain="liked", files=(path,), base=str(base), settings=settings)


@pytest.mark.slow
def test_pairs_make_the_chosen_answers_likelier_on_any_architecture(
    any_folder: Path, pairs: Path, workspace: Workspace
) -> None:
    artifact = finetune(request_of(pairs, any_folder), workspace=workspace)

    heldout = artifact.card.metrics["heldout"]
    assert isinstance(heldout, dict)
    loss = heldout["loss"]
    assert isinstance(loss, dict)
    assert loss["base"] == pytest.approx(math.log(2), abs=1e-4)
    assert float(str(loss["adapter"])) < 0.5
    assert heldout["better"] or heldout["base"]["mean"] == 1.0  # type: ignore[call-overload,index]
    assert heldout["adapter"]["mean"] == 1.0  # type: ignore[call-overload,index]
    assert "chosen preferred" in artifact.card.summary
    assert artifact.card.data[0].rows == 60
    assert Registry(workspace).verify() == []


@pytest.mark.slow
def test_thumbs_move_good_answers_up_and_bad_ones_down(
    tiny_folder: Path, thumbs: Path, workspace: Workspace
) -> None:
    artifact = finetune(request_of(thumbs, tiny_folder), workspace=workspace)

    heldout = artifact.card.metrics["heldout"]
    assert isinstance(heldout, dict)
    assert heldout["base"]["mean"] == 0.5  # type: ignore[call-overload,index]
    assert heldout["adapter"]["mean"] > 0.8  # type: ignore[call-overload,index,operator]
    assert heldout["better"] is True
    assert "moved the right way" in artifact.card.summary


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "thumbs"])
def test_a_stopped_training_on_preferences_ends_with_the_same_weights(
    tiny_folder: Path, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    short = SETTINGS.model_copy(update={"epochs": 2})
    asked = request_of(request.getfixturevalue(kind), tiny_folder, short)
    straight = finetune(asked, workspace=Workspace(tmp_path / "whole"))
    parts = Workspace(tmp_path / "parts")

    with pytest.raises(CancelledError):
        finetune(asked, workspace=parts, progress=stop_at(5))
    finished = resume(list_runs(parts)[0], workspace=parts)

    assert same(weights_of(straight), weights_of(finished))
    assert straight.card.metrics["loss_curve"] == finished.card.metrics["loss_curve"]


@pytest.mark.slow
def test_preferences_continue_an_adapter_that_learned_from_examples(
    tiny_folder: Path, colours: Path, pairs: Path, workspace: Workspace
) -> None:
    learned = SftSettings(epochs=1, rank=4, alpha=8, scored_examples=2)
    first = finetune(request_of(colours, tiny_folder, learned), workspace=workspace)
    further = SETTINGS.model_copy(update={"epochs": 1, "rank": 16})
    asked = request_of(pairs, tiny_folder, further).model_copy(update={"start": "liked@1"})

    second = finetune(asked, workspace=workspace)

    names = set(weights_of(second))
    assert second.card.parents == ("liked@1",)
    assert names == set(weights_of(first))
    assert not any("ref" in name for name in names)
    assert not same(weights_of(first), weights_of(second))
    curve = second.card.metrics["loss_curve"]
    assert isinstance(curve, dict)


def test_margins_are_differences_of_log_probabilities(tiny_folder: Path) -> None:
    outline = read_outline(find_base(str(tiny_folder), Workspace(tiny_folder.parent / "w")))
    encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=64)
    pair = PreferencePair((Message("user", "Hi"),), "Hello there", "No")
    row = encode_pair(encoder, pair, place="a:1")
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)

    def log_p(answer: tuple[int, ...]) -> float:
        ids = torch.tensor([[*row.prompt, *answer]])
        logs = model(ids).logits.log_softmax(-1)[0, len(row.prompt) - 1 : -1]
        return float(logs.gather(1, torch.tensor(answer)[:, None]).sum().detach())

    (margin,) = margins(model, [row], pad_id=0)

    assert margin == pytest.approx(log_p(row.chosen) - log_p(row.rejected), abs=1e-3)
    assert row.chosen[-1] in outline.stops
    rated = EncodedRating(row.prompt, row.chosen, good=False)
    assert margins(model, [rated], pad_id=0) == pytest.approx([log_p(row.chosen)], abs=1e-3)
    assert losses_of([0.0, 50.0], [row, row], beta=0.1) == pytest.approx(
        [math.log(2), math.log1p(math.exp(-5))]
    )
    assert losses_of([50.0], [rated], beta=0.1) == pytest.approx([5 + math.log1p(math.exp(-5))])


def test_the_reference_leaves_the_training_weights_as_they_are(tiny_folder: Path) -> None:
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_folder),
        LoraConfig(r=2, target_modules="all-linear"),
    )
    model.add_adapter("ref", LoraConfig(r=2, target_modules="all-linear"))
    model.set_adapter("default")
    rows = [EncodedPair((1, 2), (3,), (4,))]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B.default" in name:
                parameter.fill_(0.1)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]

    moved = PreferencesHeldOut(rows, 0, 0.1).loss(model)
    with reference(model):
        inside = margins(model, rows, pad_id=0)
    judged = judge(model, rows, pad_id=0, beta=0.1)

    assert [name for name, p in model.named_parameters() if p.requires_grad] == trained
    assert moved != pytest.approx(math.log(2), abs=1e-6)
    with model.disable_adapter():
        assert margins(model, rows, pad_id=0) == pytest.approx(inside, abs=1e-5)
    assert judged.answers is not None


def test_a_prompt_of_a_pair_is_shortened_alike_for_both_answers_and_long_answers_are_refused(
    tiny_folder: Path,
) -> None:
    outline = read_outline(find_base(str(tiny_folder), Workspace(tiny_folder.parent / "w")))
    encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=40)
    long = PreferencePair((Message("user", "word " * 100),), "yes", "no, never again")

    row = encode_pair(encoder, long, place="a:1")

    assert row.length == 40
    assert row.cut > 0
    with pytest.raises(DataError, match="a:1: an answer has"):
        encode_pair(encoder, PreferencePair(long.prompt, "word " * 60, "no"), place="a:1")


def test_what_does_not_go_together_is_refused_before_training(
    tiny_folder: Path, pairs: Path, thumbs: Path, colours: Path, workspace: Workspace
) -> None:
    asked = request_of(pairs, tiny_folder)

    with pytest.raises(DataError, match="like those to train on"):
        make_ready(asked.model_copy(update={"test": thumbs}), workspace=workspace)
    alone = SETTINGS.model_copy(update={"batch_size": 1})
    with pytest.raises(RecipeError, match="rated answers are compared within a pass"):
        make_ready(request_of(thumbs, tiny_folder, alone), workspace=workspace)
    with pytest.raises(RecipeError, match="rows to keep are for examples"):
        make_ready(asked.model_copy(update={"keep": (colours,)}), workspace=workspace)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "thumbs"])
def test_a_training_on_preferences_is_planned_and_tried_too(
    tiny_folder: Path, kind: str, workspace: Workspace, request: pytest.FixtureRequest
) -> None:
    ready = make_ready(request_of(request.getfixturevalue(kind), tiny_folder), workspace=workspace)

    estimate = probe(ready.outline.base, ready.prepared, SETTINGS)

    assert ready.plan.format == ("preference" if kind == "pairs" else "thumbs")
    assert ready.plan.rows == 54
    assert estimate.seconds > 0
