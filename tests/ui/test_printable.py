"""Text of others made fit to be shown: what acts is gone, and every letter is there."""

import json

import pytest

from tests.ui.pages.payloads import payloads, texts
from tests.ui.shell import controls
from ui.display.printable import printable, printable_json, printable_line, sentence

LETTERS = (
    "¿Qué? naïve Ünïcödé Ελληνικά русский עברית "
    "العربية می\u200cشود हिन्दी ไทย 中文 日本語 한국어 👩\u200d💻 🇪🇸 → …"
)


def test_there_are_three_hundred_payloads_and_harmless_text_is_no_control() -> None:
    assert len(set(texts())) >= 300
    assert controls(LETTERS) == set()


def test_every_letter_stays_and_nothing_that_acts() -> None:
    for text in [LETTERS, *texts()]:
        for show in (printable, printable_line, sentence):
            shown = show(text)
            assert controls(shown) == set(), text
            assert show(shown) == shown, text  # what is shown is shown as it is
        assert "\n" not in printable_line(text) + sentence(text)
    assert printable(LETTERS) == printable_line(LETTERS) == sentence(LETTERS) == LETTERS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\u001b[31mb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\x9bb\x7f", r"a\u009bb\u007f"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("a\udcffb", r"a\udcffb"),
        ("a\U000e0041", r"a\udb40\udc41"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_what_acts_stands_there_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_says_the_same_and_holds_no_control() -> None:
    for payload in payloads():
        data = {"text": payload.text, payload.text: [payload.text, "\udcff"]}

        written = printable_json(data)

        assert controls(written) == set(), payload.name
        assert json.loads(written) == data, payload.name


def test_json_of_numbers_and_letters_that_not_all_can_take_stays_json() -> None:
    data = {"loss": float("nan"), "rows": [float("-inf"), 1.5, "café 👩"], "ok": True}

    for encoding in ("utf-8", "latin-1", "ascii"):
        written = printable_json(data, encoding=encoding)
        assert json.loads(written.encode(encoding).decode(encoding)) == {
            "loss": None,
            "rows": [None, 1.5, "café 👩"],
            "ok": True,
        }
