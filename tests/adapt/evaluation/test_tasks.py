import pytest
from hypothesis import given, strategies as st

from adapt.errors import AdaptError
from adapt.evaluation.bootstrap import bootstrap
from adapt.evaluation.metrics import exact
from adapt.evaluation.tasks import Scoreboard, Scores, Task, compare, run_task
from adapt.models.runtime import ModelRuntime
from adapt.records import Example, Message


def scores(task: str, *values: float) -> Scores:
    return Scores(task, "exact", values, tuple("" for _ in values))


def test_a_clear_gain_has_its_interval_above_zero_and_noise_has_not() -> None:
    base = scores("t", *[0.0] * 50)
    better = scores("t", *[1.0] * 40, *[0.0] * 10)
    same = scores("t", *[0.0] * 49, 1.0)

    assert compare(base, better).better
    assert not compare(base, same).better
    assert not compare(base, base).better


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_of_a_mean_lies_within_the_values(values: list[float]) -> None:
    low, high = bootstrap(values)

    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_pairs_need_the_same_examples() -> None:
    with pytest.raises(ValueError, match="same examples"):
        compare(scores("t", 1.0), scores("t", 1.0, 0.0))


def test_the_scoreboard_says_how_much_of_a_gain_a_merge_keeps() -> None:
    board = Scoreboard.of(
        {
            "base": (scores("a", 0, 0, 0, 0),),
            "adapter": (scores("a", 1, 1, 1, 1),),
            "merged": (scores("a", 1, 1, 1, 0),),
        }
    )

    assert board.recovered("merged", "adapter", "a") == pytest.approx(0.75)
    assert board.recovered("merged", "base", "a") is None


def test_a_task_without_examples_or_of_an_unknown_metric_is_refused() -> None:
    with pytest.raises(AdaptError, match="no examples"):
        Task("t", ())
    with pytest.raises(AdaptError, match="no metric named 'bleu'"):
        Task("t", (Example((Message("user", "a"), Message("assistant", "b"))),), "bleu")


def test_scores_are_those_of_the_answers_in_the_order_of_the_examples(
    tiny_runtime: ModelRuntime,
) -> None:
    questions = ["office", "refund, please, of the whole amount", "call"]
    examples = tuple(Example((Message("user", q), Message("assistant", "yes"))) for q in questions)

    result = run_task(tiny_runtime, Task("own", examples))

    alone = [run_task(tiny_runtime, Task("own", (e,))).outputs[0] for e in examples]
    assert list(result.outputs) == alone
    assert result.values == tuple(exact(output, "yes") for output in alone)
