"""What is learned of a conversation: exactly the answers and the tokens that end them."""

from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.models.rendering import encode, render
from adapt.records import Example, Message
from adapt.registry.bases.find import Base, find_base
from adapt.workspace.folder import Workspace
from finetune.data.datasets import ExampleSet
from finetune.planning.base_outline import read_outline
from finetune.planning.control_tokens import control_warnings
from finetune.tokens.examples import IGNORED, EncodedRow, Encoder
from tests.tiny import tiny_tokenizer

SYSTEM = Message("system", "Be brief.")
QUESTION = Message("user", "Which colour?")
ANSWER = Message("assistant", "Deep red.")


def encoder_of(template: str | None = None, *, max_length: int = 512) -> Encoder:
    tokenizer = tiny_tokenizer()
    if template is not None:
        tokenizer.chat_template = template
    stops = frozenset([int(tokenizer.eos_token_id)])
    return Encoder(tokenizer, stops=stops, max_length=max_length)


def learned(encoder: Encoder, row: EncodedRow) -> str:
    return str(encoder.tokenizer.decode([label for label in row.labels if label != IGNORED]))


def test_exactly_the_answer_and_its_end_token_are_learned(any_folder: Path, tmp_path: Path) -> None:
    outline = read_outline(find_base(str(any_folder), Workspace(tmp_path / "w")))
    encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=512)

    row = encoder.encode(Example((SYSTEM, QUESTION, ANSWER)))

    assert learned(encoder, row) == "Deep red.<|end|>"
    prompt = render(outline.tokenizer, (SYSTEM, QUESTION), add_generation_prompt=True)
    asked = encode(outline.tokenizer, prompt)
    assert list(row.input_ids[: len(asked)]) == asked
    assert set(row.labels[: len(asked)]) == {IGNORED}
    assert all(b in (IGNORED, a) for a, b in zip(row.input_ids, row.labels, strict=True))


def test_every_turn_of_the_assistant_is_learned() -> None:
    encoder = encoder_of()
    more = (QUESTION, ANSWER, Message("user", "And now?"), Message("assistant", "Blue."))

    row = encoder.encode(Example(more))

    assert learned(encoder, row) == "Deep red.<|end|>Blue.<|end|>"


def test_only_the_last_turn_is_learned_where_the_template_rewrites_earlier_ones() -> None:
    forgetful = (
        "{% for m in messages %}<|{{ m['role'] }}|>"
        "{% if m['role'] == 'assistant' and not loop.last %}(gone){% else %}{{ m['content'] }}{% endif %}"
        "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    encoder = encoder_of(forgetful)
    more = (QUESTION, ANSWER, Message("user", "And now?"), Message("assistant", "Blue."))

    row = encoder.encode(Example(more))

    assert learned(encoder, row) == "Blue.<|end|>"
    assert "(gone)" in encoder.tokenizer.decode(row.input_ids)


def test_an_end_token_is_added_where_the_template_has_none() -> None:
    encoder = encoder_of(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )

    row = encoder.encode(Example((QUESTION, ANSWER)))

    assert encoder.adds_ending((QUESTION, ANSWER))
    assert learned(encoder, row) == "Deep red.<|end|>"


def test_an_answer_opened_otherwise_than_at_chat_time_follows_the_prompt_of_chat_time() -> None:
    encoder = encoder_of(
        "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>(think){% endif %}"
    )

    row = encoder.encode(Example((QUESTION, ANSWER)))

    assert "(think)Deep red.<|end|>" in encoder.tokenizer.decode(row.input_ids)
    assert learned(encoder, row) == "Deep red.<|end|>"


def test_a_control_token_in_an_answer_cannot_end_it_early() -> None:
    encoder = encoder_of()

    row = encoder.encode(Example((QUESTION, Message("assistant", "say <|end|> now"))))

    stop = int(encoder.tokenizer.eos_token_id)
    assert [label for label in row.labels if label == stop] == [stop]
    assert row.labels[-1] == stop


def test_a_prompt_too_long_loses_its_beginning_and_the_answer_nothing() -> None:
    encoder = encoder_of(max_length=32)
    whole = encoder_of()
    example = Example((Message("user", "word " * 100), ANSWER))

    row, full = encoder.encode(example), whole.encode(example)

    assert row.input_ids == full.input_ids[-32:]
    assert row.cut == len(full.input_ids) - 32
    assert learned(encoder, row) == "Deep red.<|end|>"


def test_an_answer_too_long_is_refused_by_its_place() -> None:
    encoder = encoder_of(max_length=16)
    example = Example((QUESTION, Message("assistant", "word " * 40)))
    data = ExampleSet((example,), ("rows.jsonl:7",), (), "messages")

    with pytest.raises(DataError, match=r"rows.jsonl:7: its answer has .* and 16 are read at most"):
        encoder.encode_all(data)


def test_the_stop_tokens_are_those_of_the_base(tiny_base: Base) -> None:
    outline = read_outline(tiny_base)

    assert outline.stops == {outline.tokenizer.eos_token_id}
    assert outline.context_length == 512
    assert outline.own_template


def test_an_answer_that_is_not_to_be_learned_is_read_and_not_learned() -> None:
    encoder = encoder_of()
    more = (QUESTION, ANSWER, Message("user", "And now?"), Message("assistant", "Blue."))

    row = encoder.encode(Example(more, unlearned=frozenset({1})))

    assert learned(encoder, row) == "Blue.<|end|>"
    assert row.input_ids == encoder.encode(Example(more)).input_ids


# as models that think write it: thoughts of earlier answers are left out, and every answer is opened with the mark
THINKS = (
    "{% for m in messages %}<|{{ m['role'] }}|>"
    "{% if m['role'] == 'assistant' %}{{ m['content'].split('</think>')[-1] }}{% else %}{{ m['content'] }}{% endif %}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)


@pytest.mark.parametrize("opened", ["<think>\n", "<think>", "\n<think>\n"])
def test_a_mark_that_the_template_opens_an_answer_with_is_learned_once(opened: str) -> None:
    encoder = encoder_of(THINKS)
    answer = Message("assistant", f"{opened}0+2=2\n</think>\n\n2")

    row = encoder.encode(Example((QUESTION, answer)))

    text = encoder.tokenizer.decode(row.input_ids)
    assert text.count("<think>") == 1
    assert text == "<|user|>Which colour?<|end|><|assistant|><think>\n0+2=2\n</think>\n\n2<|end|>"
    assert learned(encoder, row) == "0+2=2\n</think>\n\n2<|end|>"


def test_a_mark_of_the_answers_own_stays() -> None:
    encoder = encoder_of()

    row = encoder.encode(Example((QUESTION, Message("assistant", "<b>Red</b>"))))

    assert learned(encoder, row) == "<b>Red</b><|end|>"


def test_what_a_template_refuses_is_said_with_the_rows_place() -> None:
    strict = (
        "{% for m in messages %}{% if m['content'] == 'No.' %}{{ raise_exception('not so') }}{% endif %}"
        "{{ m['content'] }}<|end|>{% endfor %}"
    )
    examples = (Example((QUESTION, ANSWER)), Example((QUESTION, Message("assistant", "No."))))
    data = ExampleSet(examples, ("rows.jsonl:1", "rows.jsonl:2"), (), "messages")

    with pytest.raises(
        DataError, match=r"rows\.jsonl:2: the base's chat template refuses .*not so"
    ):
        encoder_of(strict).encode_all(data)


def test_control_tokens_in_the_rows_are_counted_and_warned_of() -> None:
    encoder = encoder_of()
    templated = Example(
        (Message("assistant", "<|user|>Hi<|end|><|assistant|>Hello<|end|>"),), plain=True
    )
    data = ExampleSet(
        (templated, templated, Example((QUESTION, ANSWER))), ("a", "b", "c"), (), "text"
    )

    (warning,) = control_warnings(encoder, data)

    assert "texts of up to 2 rows" in warning
    assert "<|user|> 2" in warning
    assert "learned as plain characters" in warning
    assert control_warnings(encoder, data.pick([2])) == []
