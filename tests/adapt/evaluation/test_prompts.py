"""When two rows have the same prompt."""

from adapt.evaluation.prompts import prompt_key
from adapt.records import Example, Message, PreferencePair, RatedAnswer

ASKED, SAID = Message("user", "What  TIME\nis it?"), Message("assistant", "Nine.")


def test_the_key_is_of_the_prompt_alone_without_case_and_white_space() -> None:
    key = prompt_key(Example((ASKED, SAID)))

    assert key == "user\x1fwhat time is it?"
    assert (
        prompt_key(Example((Message("user", "what time is it?"), Message("assistant", "Ten."))))
        == key
    )
    assert prompt_key(PreferencePair((ASKED,), "Nine.", "Ten.")) == key
    assert prompt_key(RatedAnswer((ASKED,), "Nine.", good=False)) == key


def test_who_speaks_and_in_which_order_is_part_of_it() -> None:
    two = (Message("system", "Be brief."), ASKED)

    assert prompt_key(Example((*two, SAID))) == "system\x1fbe brief.\x1euser\x1fwhat time is it?"
    assert prompt_key(Example((*two[::-1], SAID))) != prompt_key(Example((*two, SAID)))


def test_plain_text_is_its_own_prompt() -> None:
    assert prompt_key(Example((SAID,), plain=True)) == "assistant\x1fnine."
    assert prompt_key(Example((SAID,))) == ""
