"""What the page does to a text of others before Streamlit sees it."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from adapt.records import PassageView
from tests.ui.pages.payloads import HOST, payloads
from ui.components.passage import as_html
from ui.components.safe import JOINER, cell
from ui.display.passages import stored_view
from ui.display.printable import printable


def squeezed(text: str) -> str:
    return "".join(text.split())


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("long", ["", " and so on" * 400])
def test_nothing_in_a_passage_becomes_an_element(long: str) -> None:
    for payload in payloads():
        before, after = long + payload.text, payload.text + long
        view = PassageView(payload.text, 1, payload.text, before, payload.text, after)
        elements = _Elements()

        elements.feed(as_html(view))
        elements.close()

        assert elements.tags <= {"div", "mark", "details", "summary"}, payload.name
        assert elements.attributes <= {"style", "dir"}, payload.name
        rendered = squeezed(elements.text)
        assert squeezed(printable(payload.text)) in rendered, payload.name
        assert HOST not in payload.text or HOST in rendered, payload.name


def test_a_stored_passage_knows_its_document_and_page() -> None:
    view = stored_view("a, page 1, page 2", "a, page 1, page 2\nIt opens at 8:00.")
    whole = stored_view("notes.md", "Something else.")

    assert (view.document, view.page, view.span) == ("a, page 1", 2, "It opens at 8:00.")
    assert (whole.document, whole.page, whole.span) == ("notes.md", None, "Something else.")


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1+1", " =1+1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text).startswith(JOINER)
    assert cell(text).removeprefix(JOINER) == text


@pytest.mark.parametrize("text", ["-0.5", "+1", "12 %", "office", ""])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert cell(text) == text


def test_no_component_draws_a_body_by_itself() -> None:
    folder = Path(__file__).parents[3] / "ui"
    for file in [*(folder / "components").glob("*.py"), *(folder / "views").glob("*.py")]:
        if file.name not in ("safe.py", "passage.py"):
            source = file.read_text(encoding="utf-8")
            for drawn in ("text", "code", "dataframe", "table", "write", "html", "json", "latex"):
                assert f"st.{drawn}(" not in source, f"{file.name}: st.{drawn}"
