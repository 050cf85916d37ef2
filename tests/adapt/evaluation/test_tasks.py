import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, strategies as st

from adapt.errors import AdaptError
from adapt.evaluation.bootstrap import bootstrap
from adapt.evaluation.metrics import exact
from adapt.evaluation.tasks import Scoreboard, Scores, Task, compare, run_task
from adapt.models.runtime import ModelRuntime
from adapt.records import Example, Message, ProgressEvent
from adapt.registry.bases.find import Base


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
    assert (result.task, result.metric) == ("own", "exact")
    assert list(result.outputs) == alone
    assert result.values == tuple(exact(output, "yes") for output in alone)


def test_progress_names_the_task_and_who_answers(tiny_runtime: ModelRuntime) -> None:
    example = Example((Message("user", "office"), Message("assistant", "yes")))
    events: list[ProgressEvent] = []

    run_task(tiny_runtime, Task("own", (example,) * 33), progress=events.append)

    stage = f"evaluate own · {tiny_runtime.base.id}"
    assert [(e.stage, e.done, e.total) for e in events] == [
        (stage, 0, 33),
        (stage, 32, 33),
        (stage, 33, 33),
    ]


class Noting(ModelRuntime):
    """Notes who is asked and how long an answer may be, and gives empty ones."""

    longest = 0
    asked: str | None = None

    def generate_batch(
        self,
        prompts: Sequence[Sequence[Message]],
        *,
        adapter: str | None = None,
        max_new_tokens: int = 64,
        on_batch: Callable[[int], None] | None = None,
        batch_size: int = 32,
    ) -> list[str]:
        self.longest, self.asked = max_new_tokens, adapter
        return [""] * len(prompts)


def test_an_answer_may_be_a_third_longer_than_the_longest_and_half_the_context(
    tiny_base: Base,
) -> None:
    runtime = Noting(tiny_base)
    answers = "office", "office " * 3, "office " * 400
    lengths = [len(runtime.tokenizer(answer)["input_ids"]) for answer in answers]
    examples = [Example((Message("user", "q"), Message("assistant", answer))) for answer in answers]

    run_task(runtime, Task("t", (examples[0], examples[1])), adapter="team@1")
    third = runtime.longest
    assert runtime.asked == "team@1"
    run_task(runtime, Task("t", tuple(examples)))

    assert lengths[1] > lengths[0]
    assert third == lengths[1] + lengths[1] // 3 + 4
    assert runtime.longest == 256  # of the tiny model's 512
    assert isinstance(runtime.longest, int)
    assert runtime.asked is None


def test_what_a_merge_keeps_is_counted_from_the_base() -> None:
    board = Scoreboard.of(
        {
            "base": (scores("other", 1, 1), scores("a", 1, 0, 0, 0)),
            "adapter": (scores("other", 0, 0), scores("a", 1, 1, 1, 0)),
            "merged": (scores("other", 1, 1), scores("a", 1, 1, 0, 0)),
        }
    )

    assert board.recovered("merged", "adapter", "a") == pytest.approx(0.5)
    assert board.recovered("merged", "adapter", "other") is None


def test_a_card_keeps_four_places_of_scores_and_gains() -> None:
    base, better = scores("t", 0.123456, 0.654321), scores("t", 0.323456, 0.854321)

    metrics = Scoreboard.of({"base": (base,), "better": (better,)}).as_metrics()

    # of two values, every fourth resample is the lower one twice
    gained = {"metric": "exact", "mean": 0.5889, "low": 0.3235, "high": 0.8543, "n": 2}
    gain = {"difference": 0.2, "low": 0.2, "high": 0.2, "better": True}
    assert metrics["better"] == {"t": {**gained, "gain": gain}}


def test_scores_of_a_seed_are_the_same_and_zero_is_the_default() -> None:
    draw = random.Random(0)
    base, other = (scores("t", *(draw.random() for _ in range(20))) for _ in range(2))

    assert compare(base, other) == compare(base, other, seed=0) != compare(base, other, seed=1)
