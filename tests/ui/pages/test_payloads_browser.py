"""Text of others on the page, in a real browser: every payload in every place that shows such text.

Nothing is fetched from elsewhere, nothing runs, nothing becomes an element, and what stands there is what was stored.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, sync_playwright
from pydantic import JsonValue

from adapt.records import Turn
from adapt.registry.artifacts import BaseRecord, DataRecord
from tests.ui.driver import CHROMIUM, CHROMIUM_FLAGS, EMPTY_ACCOUNT, make_workspace, served
from tests.ui.pages.payloads import SCRIPT, URL, payloads, texts
from ui.components.safe import JOINER
from ui.context import Context
from ui.display.printable import printable, sentence

Test = Callable[..., None]
PATIENCE = 60_000  # milliseconds
TURN = 25  # payloads a turn, so that a conversation shows them all
TASKS = 8  # on the page of results each draws a chart
# Everything that would fetch, lead away or run: attributes of elements that the app did not make.
FOREIGN = """() => {
  const foreign = /evil|javascript:|vbscript:|canary|alert|anchor|stolen/i;
  const acting = ["src", "srcset", "href", "xlink:href", "action", "formaction", "data", "poster", "background", "srcdoc",
                  "ping", "style", "content", "cite"];
  const found = [];
  for (const element of document.querySelectorAll("*"))
    for (const {name, value} of element.attributes)
      if ((acting.includes(name) && foreign.test(value)) || /^on/.test(name))
        found.push(`${element.tagName} ${name}=${value.slice(0, 80)}`);
  const kinds = "iframe, object, embed, video, audio, base, math, .katex, foreignObject, image, marquee, portal";
  for (const element of document.querySelectorAll(kinds)) found.push(element.tagName);
  for (const element of document.querySelectorAll('[data-testid="stMarkdownContainer"]'))
    for (const made of element.querySelectorAll("a, img, table, h1, h2, h3, li, hr, blockquote, code, del, em, input"))
      if (!made.closest('[data-testid="stHeading"]')) found.push(`Markdown ${made.tagName}: ${made.textContent}`);
  return found;
}"""
SHOWN = """selector => [...document.querySelectorAll(selector)].map(one => one.innerText)"""


def needs_browser(test: Test) -> Test:
    """Mark a test that drives the page in chromium."""
    missing = "chromium is missing; install it with 'apt-get install chromium'"
    for mark in (
        pytest.mark.browser,
        pytest.mark.slow,
        pytest.mark.skipif(not CHROMIUM, reason=missing),
    ):
        test = mark(test)
    return test


@dataclass
class Watched:
    """A page and all that it did beyond showing text."""

    page: Page
    address: str
    strangers: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, path: str = "", **query: str) -> None:
        self.page.goto(f"{self.address}/{path}?{urlencode(query)}")

    def shown(self, selector: str) -> list[str]:
        """Return the texts of all elements that a selector finds, as a reader sees them."""
        return [text.replace(JOINER, "") for text in self.page.evaluate(SHOWN, selector)]

    def everything(self) -> str:
        return squeezed(self.page.evaluate("document.body.innerText"))

    def assert_inert(self) -> None:
        self.page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
        self.page.wait_for_timeout(300)  # a loaded image's or a script's chance
        assert self.strangers == []
        assert self.dialogs == []
        assert self.page.evaluate("typeof window.canary") == "undefined"
        assert self.page.evaluate(FOREIGN) == []
        assert urlsplit(self.page.url).netloc == urlsplit(self.address).netloc
        assert self.page.title() in ("Adapt", "Chat", "Models", "Results")


def squeezed(text: str) -> str:
    """Return a text without blanks and joiners; how a browser breaks lines is no matter here."""
    return "".join(text.replace(JOINER, "").split())


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    ctx = Context(make_workspace(tmp_path_factory.mktemp("app") / "workspace", "starter"))
    yield ctx
    ctx.close()


@pytest.fixture(scope="module")
def address(ctx: Context) -> Iterator[str]:
    with served(ctx.workspace.path, ctx.workspace.path.parent / "server.log") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    watched = Watched(context.new_page(), address)
    own = urlsplit(address).netloc

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).netloc == own:
            route.continue_()
        else:
            watched.strangers.append(route.request.url)
            route.abort()

    def dismiss(dialog: Dialog) -> None:
        watched.dialogs.append(dialog.message)
        dialog.dismiss()

    context.route("**/*", guard)
    watched.page.on("dialog", dismiss)
    watched.page.on("popup", lambda popup: watched.strangers.append(popup.url))
    yield watched
    context.close()


def account_of(strings: list[str]) -> dict[str, JsonValue]:
    """Return an account in which every text stands as a passage, a message and a notice."""
    pieces: list[JsonValue] = [
        {"source": text, "piece_id": text, "label": text, "text": f"{text}\n{text}", "score": 0.5}
        | {"kept": True, "number": number, "why": text}
        for number, text in enumerate(strings, start=1)
    ]
    messages: list[JsonValue] = [{"role": "user", "content": text} for text in strings]
    notices: list[JsonValue] = list(strings)
    return {
        **EMPTY_ACCOUNT,
        "pieces": pieces,
        "messages": messages,
        "notices": notices,
        "removed_citations": 2,
    }


def joined(strings: list[str]) -> str:
    """Return texts as one; what is stored loses blanks and controls at its ends, so the ends are words."""
    return "\n\n".join(["First.", *strings, "Last."])


def store(ctx: Context, session_id: str, turn_id: str, strings: list[str], *, user: str) -> None:
    together = joined(strings)
    turn = Turn(turn_id, session_id, user, together, together, model=together, adapter=strings[0])
    ctx.feedback.begin_turn(turn, account=account_of(strings))
    ctx.feedback.rate(turn_id, user=user, comment=together, correction=together)


@needs_browser
def test_a_conversation_of_payloads_is_text(watched: Watched, ctx: Context) -> None:
    session_id = ctx.feedback.new_session("eve")
    strings = texts()
    batches = [strings[n : n + TURN] for n in range(0, len(strings), TURN)]
    for number, batch in enumerate(batches):
        store(ctx, session_id, f"t{number}", batch, user="eve")

    watched.open(user="eve", conversation=session_id)
    watched.page.get_by_text("What went into this prompt").nth(len(batches) - 1).wait_for()

    watched.assert_inert()
    bodies = [squeezed(printable(joined(batch))) for batch in batches]
    seen = [squeezed(text) for text in watched.shown('[data-testid="stText"]')]
    assert [seen.count(body) for body in bodies] == [3] * len(
        bodies
    )  # question, answer, correction
    buttons = [
        squeezed(text) for text in watched.shown('[data-testid="stPopoverButton"]') if "·" in text
    ]
    for text, button in zip(strings, buttons, strict=True):
        assert squeezed(sentence(text)) in button, text
    notices = [squeezed(text) for text in watched.shown('[data-testid="stAlert"]')]
    for text, notice in zip(strings, notices, strict=True):
        assert squeezed(sentence(text)) in notice, text
    page = watched.everything()
    for batch in batches:
        assert squeezed(f"Your comment: {sentence(joined(batch))}") in page
    assert page.count("citations") >= len(batches)


@needs_browser
def test_a_passage_and_a_prompt_of_payloads_open_as_text(watched: Watched, ctx: Context) -> None:
    session_id = ctx.feedback.new_session("fay")
    everything = "\n\n".join(texts())
    account = account_of([everything, "handbook.pdf"])
    account["notices"] = []
    account["messages"] = [{"role": "system", "content": text} for text in texts()]
    turn = Turn("opened", session_id, "fay", "q", "Both [1] say so [2].")
    ctx.feedback.begin_turn(turn, account=account)

    watched.open(user="fay", conversation=session_id)
    watched.page.get_by_role("button", name="handbook.pdf").wait_for()
    watched.page.locator('[data-testid="stPopoverButton"]').first.click()
    watched.page.locator("mark").wait_for()

    watched.assert_inert()
    (passage,) = watched.shown("mark")
    assert squeezed(passage) == squeezed(printable(everything))
    watched.page.keyboard.press("Escape")
    watched.page.get_by_text("What went into this prompt").click()
    watched.page.get_by_test_id("stCode").nth(len(texts()) - 1).wait_for()
    watched.assert_inert()
    codes = [squeezed(text) for text in watched.shown('[data-testid="stCode"] code')]
    assert codes == [squeezed(printable(text)) for text in texts()]


@needs_browser
def test_titles_of_payloads_are_text(watched: Watched, ctx: Context) -> None:
    for number, text in enumerate(texts()):
        session_id = ctx.feedback.new_session("gil")
        ctx.feedback.begin_turn(
            Turn(f"title{number}", session_id, "gil", text, ""), account=EMPTY_ACCOUNT
        )
    titles = [title for _, title in ctx.feedback.sessions("gil")]

    watched.open(user="gil")
    watched.page.get_by_text(f"Show all {len(titles)}").click()
    watched.page.locator('[class*="st-key-open-"] button').nth(len(titles) - 1).wait_for()

    watched.assert_inert()
    shown = watched.shown('[class*="st-key-open-"] button')
    assert [squeezed(text) for text in shown] == [squeezed(sentence(title)) for title in titles]


@needs_browser
def test_models_and_results_of_others_are_text(
    watched: Watched, ctx: Context, tmp_path: Path
) -> None:
    everything = "\n\n".join(texts())
    with ctx.registry.stage("foreign") as staging:
        drawn = f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='{SCRIPT}'>"
        drawn += f"<script>{SCRIPT}</script><image href='{URL}/svg.png'/><circle r='4'/></svg>"
        (staging.path / "loss.svg").write_text(drawn)
        staging.publish(
            "adapter",
            base=BaseRecord(id=everything, sha256="0" * 64),
            data=[DataRecord(name=text, sha256="0" * 64, rows=1) for text in texts()],
            metrics={text: text for text in texts()},
            summary=everything,
        )
    chosen = [payload.text for payload in payloads()[:: len(payloads()) // TASKS]]
    gain = {"difference": 0.5, "low": 0.4, "high": 0.6, "better": True}
    measured: JsonValue = {"mean": 0.5, "low": 0.1, "high": 0.9, "n": 40, "gain": gain}
    board: JsonValue = {model: dict.fromkeys(chosen, measured) for model in texts()[::9]}
    result: JsonValue = {"scoreboard": board, "gain_recovered": {t: {t: 0.5} for t in chosen}}
    ctx.jobs.record("demo", title=everything, result=result)
    failed = ctx.jobs.start(
        "demo", title=everything, settings={}, command=[sys.executable, "-c", ""]
    )
    ctx.jobs.finish(failed.job_id, "failed", error=everything)

    watched.open("models", user="hal")
    watched.page.get_by_text("Comes from").wait_for()
    watched.assert_inert()
    page = watched.everything()
    assert page.count(squeezed(printable(everything))) >= 1  # the summary
    assert (
        squeezed(f"{sentence(everything)}: {sentence(everything)}") in page
    )  # the job that failed
    watched.open("results", user="hal")
    watched.page.get_by_text("held-out examples").nth(len(chosen) - 1).wait_for()
    watched.assert_inert()
    page = watched.everything()
    for text in chosen:
        assert squeezed(f"{sentence(text)} · 40 held-out examples") in page, text


@needs_browser
@pytest.mark.parametrize("text", texts()[:: len(texts()) // 2])
def test_an_address_of_payloads_opens_nothing(watched: Watched, text: str) -> None:
    watched.open(user=text[:100], conversation=text, model=text)
    watched.page.get_by_text("Use documents").wait_for()

    watched.assert_inert()
