"""Everything once, with a few seconds of training: that every step is there and hangs together, not how good it gets."""

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapt.registry.artifacts import sha256_file
from ui.context import Context
from ui.demo.run import DATA, DOMAINS, MERGES, DemoReport, run_demo

SECONDS = 8


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, DemoReport]:
    """Return the workspace of a short demo and its report."""
    ctx = Context(tmp_path_factory.mktemp("demo") / "workspace")
    return ctx, run_demo(ctx, minutes=SECONDS / 60)


@pytest.mark.slow
@pytest.mark.faults
def test_the_demo_goes_the_whole_way(demo: tuple[Context, DemoReport]) -> None:
    ctx, report = demo

    assert [a.card.name for a in report.adapters] == list(DOMAINS)
    assert [a.card.name for a in report.merges] == list(MERGES)
    assert all(
        list(a.card.parents) == [b.reference for b in report.adapters] for a in report.merges
    )
    for adapter, other in zip(report.adapters, reversed(DOMAINS), strict=True):
        roles = {(record.name, record.role) for record in adapter.card.data}
        assert roles == {("train.jsonl", "train"), ("test.jsonl", "test"), ("train.jsonl", "keep")}
        (kept,) = (record for record in adapter.card.data if record.role == "keep")
        assert kept.sha256 == sha256_file(DATA / other / "train.jsonl")
    assert report.documents == 8
    assert any(
        "Since June a refund is paid within 5 days." in line for line in report.added_to_prompt
    )
    assert len(ctx.feedback.feedback(report_user(ctx))) == 5
    assert ctx.registry.verify() == []


@pytest.mark.slow
@pytest.mark.faults
def test_every_model_is_measured_on_both_domains_and_each_merge_keeps_its_line(
    demo: tuple[Context, DemoReport],
) -> None:
    ctx, report = demo

    scoreboard = report.as_json()["scoreboard"]

    assert isinstance(scoreboard, dict)
    models = {"starter", *(a.reference for a in (*report.adapters, *report.merges))}
    assert set(scoreboard) == models
    for merged in report.merges:
        stored = ctx.registry.get(merged.reference).card.metrics["tasks"]
        assert stored == scoreboard[merged.reference]
    assert "support" in report.closing()
    assert str(report.merges[0].path) in report.closing()


@pytest.mark.slow
@pytest.mark.faults
def test_the_merged_model_opens_with_transformers_alone(demo: tuple[Context, DemoReport]) -> None:
    _, report = demo

    for merged in report.merges:
        model, loading = AutoModelForCausalLM.from_pretrained(merged.path, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(merged.path)

        assert not loading["missing_keys"]
        assert not loading["unexpected_keys"]
        ids = tokenizer("Give the date as ISO", return_tensors="pt")["input_ids"]
        assert model(input_ids=ids).logits.isfinite().all()


@pytest.mark.slow
@pytest.mark.faults
def test_a_second_demo_uses_the_adapters_again(demo: tuple[Context, DemoReport]) -> None:
    ctx, report = demo

    again = run_demo(ctx, minutes=60)

    assert [a.reference for a in again.adapters] == [a.reference for a in report.adapters]
    assert again.seconds < 600


def report_user(ctx: Context) -> str:
    """Return the user that the demo's latest conversation belongs to."""
    from sqlalchemy import text

    with ctx.database.transaction() as session:
        return str(session.scalar(text("SELECT user FROM turns ORDER BY created_at DESC")))
