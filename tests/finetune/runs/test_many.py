"""Several domains in one process: each adapter equals the one trained alone, through stops and failures of others."""

import json
from pathlib import Path

import pytest
import torch

from adapt.errors import AdaptError, CancelledError, RecipeError
from adapt.models.loading import load_base
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.passes import scheduler as together
from finetune.runs.domains_file import read_domains
from finetune.runs.many import finetune_all, resume_all
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import same, stop_at, weights_of
from tests.tiny import make_base

PLAIN = SftSettings(epochs=2, rank=4, alpha=8, checkpoint_seconds=0, scored_examples=2)


def requests_of(
    files: dict[str, Path], base: Path, settings: SftSettings = PLAIN, **own: SftSettings
) -> list[TrainingRequest]:
    return [
        TrainingRequest(
            domain=name, files=(path,), base=str(base), settings=own.get(name, settings)
        )
        for name, path in files.items()
    ]


def alone(requests: list[TrainingRequest], folder: Path) -> list[Artifact]:
    return [finetune(request, workspace=Workspace(folder / request.domain)) for request in requests]


def assert_same(ours: list[Artifact], theirs: list[Artifact]) -> None:
    assert [artifact.reference for artifact in ours] == [artifact.reference for artifact in theirs]
    for artifact, other in zip(ours, theirs, strict=True):
        assert same(weights_of(artifact), weights_of(other)), artifact.reference
        for part in ("heldout", "loss_curve"):
            assert artifact.card.metrics[part] == other.card.metrics[part], artifact.reference


@pytest.mark.slow
def test_each_adapter_equals_the_one_trained_alone_to_the_bit(
    any_folder: Path, three: dict[str, Path], tmp_path: Path
) -> None:
    other = PLAIN.model_copy(
        update={"rank": 8, "epochs": 3.0, "batch_size": 4, "micro_batch_size": 2}
    )
    requests = requests_of(three, any_folder, uneven=other)
    events: list[ProgressEvent] = []

    published = finetune_all(
        requests, workspace=Workspace(tmp_path / "all"), progress=events.append
    )

    assert_same(published, alone(requests, tmp_path))
    assert not [event for event in events if "one by one" in event.detail]


@pytest.mark.slow
def test_what_cannot_share_a_pass_is_trained_all_the_same(
    tiny_folder: Path, three: dict[str, Path], tmp_path: Path
) -> None:
    dropped = PLAIN.model_copy(update={"dropout": 0.1})
    padded = PLAIN.model_copy(update={"packing": False})
    three["again"] = three["uneven"]
    requests = requests_of(three, tiny_folder, short=dropped, many=padded)
    events: list[ProgressEvent] = []

    published = finetune_all(
        requests, workspace=Workspace(tmp_path / "all"), progress=events.append
    )

    assert_same(published, alone(requests, tmp_path))
    assert len([event for event in events if "one by one" in event.detail]) == 1


@pytest.mark.slow
def test_interrupted_trainings_go_on_together_to_the_same_weights(
    tiny_folder: Path, three: dict[str, Path], tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "all")
    requests = requests_of(three, tiny_folder)
    press = stop_at(4)

    def at_four(event: ProgressEvent) -> None:
        if event.stage == "uneven · train":
            press(ProgressEvent("train", event.done))

    with pytest.raises(CancelledError, match="published: nothing; go on with: adapt finetune"):
        finetune_all(requests, workspace=workspace, progress=at_four)
    runs = {run.rpartition("-")[0]: run for run in list_runs(workspace)}
    published = resume_all([runs[name] for name in three], workspace=workspace)

    assert_same(published, alone(requests, tmp_path))
    assert list_runs(workspace) == []


@pytest.mark.slow
def test_one_that_fails_takes_no_other_with_it(
    tiny_folder: Path, three: dict[str, Path], workspace: Workspace
) -> None:
    requests = requests_of(three, tiny_folder)

    def break_off(event: ProgressEvent) -> None:
        if event.stage == "short · train" and event.done == 2:
            raise RecipeError("the loss became nan at step 2")

    with pytest.raises(AdaptError, match=r"short: the loss became nan.*published: .*many@1"):
        finetune_all(requests, workspace=workspace, progress=break_off)

    assert {artifact.reference for artifact in Registry(workspace).list()} == {"uneven@1", "many@1"}
    assert list_runs(workspace) == []


@pytest.mark.slow
def test_one_that_comes_later_is_taken_in(
    tiny_folder: Path, write_rows: WriteRows, three: dict[str, Path], tmp_path: Path
) -> None:
    # passes of one word each are too small to be shared; the first long one comes later
    words: list[object] = [
        {"text": chr(97 + n) if n % 23 else "a b " * (40 + n)} for n in range(24)
    ]
    single = PLAIN.model_copy(update={"batch_size": 1})
    files = {"late": write_rows(words, "late.jsonl"), **three}
    requests = requests_of(files, tiny_folder, late=single)

    published = finetune_all(requests, workspace=Workspace(tmp_path / "all"))

    assert_same(published, alone(requests, tmp_path))


@pytest.mark.slow
def test_passes_share_no_more_tokens_than_pay(
    tiny_folder: Path, three: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    losses = together.JointBase.losses

    def counted(self: together.JointBase, passes: list[together.Pass]) -> list[torch.Tensor]:
        sizes.append(sum(pass_.tokens for pass_ in passes))
        return losses(self, passes)

    monkeypatch.setattr(together.JointBase, "losses", counted)
    monkeypatch.setattr(together, "MOST_TOKENS", 700)
    requests = requests_of(three, tiny_folder, PLAIN.model_copy(update={"epochs": 1.0}))

    finetune_all(requests, workspace=Workspace(tmp_path / "all"))

    assert len(sizes) > 3
    assert max(sizes[1:]) <= 700  # the first tries out whether it comes to the same


def test_copies_of_a_base_share_its_weights(tiny_folder: Path, workspace: Workspace) -> None:
    model, _ = load_base(find_base(str(tiny_folder), workspace))

    copies = [together.Together(model, lambda _: None).model() for _ in range(2)]

    for name, weight in model.named_parameters():
        assert all(copy.get_parameter(name) is weight for copy in copies), name
    assert len({id(copy.get_submodule("model")) for copy in (*copies, model)}) == 3


def test_a_file_of_domains_is_read_with_what_goes_before_what(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    path = tmp_path / "domains.yaml"
    path.write_text(
        "base: ./tiny\nepochs: 2\nrank: 4\ndomains:\n  a: a.jsonl\n"
        "  b: {data: [a.jsonl, someone/set], rank: 8, columns: {prompt: q}, continue: b@1}\n"
    )

    a, b = read_domains(path, settings=SftSettings(alpha=5), base=None, flags={"epochs": 3.0})

    assert (a.domain, a.files, a.base) == ("a", (tmp_path / "a.jsonl",), "./tiny")
    assert (a.settings.rank, a.settings.epochs, a.settings.alpha) == (4, 3.0, 5)
    assert b.files == (tmp_path / "a.jsonl", Path("someone/set"))
    assert (b.settings.rank, b.columns, b.start) == (8, {"prompt": "q"}, "b@1")
    (again, _) = read_domains(path, settings=SftSettings(), base="starter", flags={})
    assert again.base == "starter"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("domains: {a: a.jsonl, a: b.jsonl}", "'a' is given twice"),
        ("domains: {a: {data: a.jsonl, rnak: 4}}", r"domains.a.rnak: unknown key, did you mean rank"),
        ("domains: {a: {rank: 4}}", "domains.a.data: Field required"),
        ("domains: {a: {data: a.jsonl, rank: big}}", "domains.a.rank: Input should be a valid integer"),
        ("domains: {'../a': a.jsonl}", "'../a' cannot name a model"),
        ("domains: [a.jsonl]", "'domains' must name at least one domain"),
        ("epoch: 3\ndomains: {a: a.jsonl}", "epoch: unknown key, did you mean epochs"),
        ("- a", "must be a mapping"),
        ("domains: {a: [", "not valid YAML"),
        ("domains: {a: 3}", "domains.a.data: Input should be a valid tuple"),
        ("? {a: 1}\n: 2\ndomains: {a: a.jsonl}", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_file_of_domains_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "domains.yaml"
    path.write_text(text)

    with pytest.raises(AdaptError, match=message):
        read_domains(path, settings=SftSettings(), base=None, flags={})


def test_what_cannot_be_trained_together_is_refused_before_anything_is_written(
    tiny_folder: Path, three: dict[str, Path], workspace: Workspace, tmp_path: Path
) -> None:
    first, second, _ = requests_of(three, tiny_folder)
    other = make_base(tmp_path / "other", "qwen3")
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps({"prompt": "x"}) + "\n")

    with pytest.raises(RecipeError, match="'short' stands for two trainings"):
        finetune_all([first, first], workspace=workspace)
    with pytest.raises(RecipeError, match="must have one base"):
        finetune_all([first, second.model_copy(update={"base": str(other)})], workspace=workspace)
    with pytest.raises(AdaptError, match=r"uneven: .*bad.jsonl"):
        finetune_all([first, second.model_copy(update={"files": (bad,)})], workspace=workspace)

    assert list_runs(workspace) == []
    assert Registry(workspace).list() == []
