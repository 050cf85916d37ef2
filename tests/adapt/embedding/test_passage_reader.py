"""The shipped reader of passages beside a question."""

import numpy as np
import pytest

from adapt.embedding.encoders.e5 import PASSAGE, QUESTION, token_closeness
from adapt.embedding.passage_reader import ShippedReader
from adapt.embedding.shipped import shared_e5

TEXTS = ["The office opens at nine.", "A refund takes five days.", "word " * 900, ""]


@pytest.mark.slow
def test_the_text_that_answers_comes_closest_in_the_same_language_and_another() -> None:
    reader = ShippedReader()

    for question in ("When can I come to the office?", "¿A qué hora abre la oficina?"):
        office, refund, filler, empty = reader.closeness(question, TEXTS)

        assert office > max(refund, filler) + 0.02
        assert empty == 0.0


def test_closeness_is_the_mean_over_the_questions_tokens_of_the_nearest_token() -> None:
    encoder = shared_e5()
    asked, read = encoder.states([f"{QUESTION}When does it open?", f"{PASSAGE}{TEXTS[0]}"])

    (close,) = ShippedReader().closeness("When does it open?", TEXTS[:1])

    nearest = [max(float(token @ other) for other in read) for token in asked]
    assert close == pytest.approx(np.mean(nearest), abs=1e-5)
    assert close == pytest.approx(token_closeness(asked, read), abs=1e-6)


def test_the_process_has_one_encoder() -> None:
    assert shared_e5() is shared_e5()


def test_no_text_has_no_closeness() -> None:
    assert ShippedReader().closeness("When does it open?", []) == []
