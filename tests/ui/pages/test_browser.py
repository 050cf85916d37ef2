"""The real server and a real browser: what a person sees, clicks and finds stored. No request leaves this machine."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from adapt.records import Turn
from adapt.registry.bases.find import STARTER
from tests.tiny import make_base
from tests.ui.driver import CHROMIUM, CHROMIUM_FLAGS, EMPTY_ACCOUNT, make_workspace, served
from ui.components.chat.account import cited_passages, read_account
from ui.context import Context
from ui.demo.run import ingest_documents

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM, reason="chromium is missing; install it with 'apt-get install chromium'"
    ),
]
PATIENCE = 60_000  # milliseconds; the libraries take their time on a busy machine
WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const texts = document.querySelectorAll('[data-testid="stChatMessage"] [data-testid="stText"]');
    const last = texts.length % 2 ? "" : texts[texts.length - 1]?.innerText;
    if (last && last !== window.seen.at(-1)) window.seen.push(last);
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


@dataclass
class Visit:
    """A browser window on the app, and every address outside this machine that it wanted."""

    page: Page
    address: str
    strangers: list[str] = field(default_factory=list)

    def open(self, **query: str) -> None:
        """Open the chat and wait until everything is drawn."""
        self.page.goto(f"{self.address}/?{urlencode(query)}")
        self.page.get_by_text("Use documents").wait_for()

    def say(self, message: str) -> None:
        """Send a message."""
        box = self.page.get_by_placeholder("Write a message")
        box.fill(message)
        box.press("Enter")

    def choose(self, picker: str, option: str) -> None:
        """Choose an option of a picker in the sidebar."""
        self.page.get_by_role("combobox", name=picker).click()
        self.page.get_by_role("option", name=option).click()

    def thumb(self, turn: int, name: str) -> Locator:
        """Return a thumb under an answer that has ended; turns count from 0."""
        row = self.page.get_by_test_id("stFeedback").nth(turn)
        return row.get_by_role("radio", name=name)

    def growing(self) -> str:
        """Return the answer that is being written, without its cursor."""
        stop = self.page.get_by_role("button", name="Stop")
        answer = self.page.get_by_label("Chat message from assistant").filter(has=stop)
        texts = answer.get_by_test_id("stText").all_inner_texts()
        return texts[0].removesuffix("▌") if texts else ""


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Return the workspace that the server uses: the demo's documents, the starter, and a model that never ends."""
    folder = tmp_path_factory.mktemp("app")
    tiny = make_base(folder / "slow", layers=24)
    model = "starter" if (STARTER / "config.json").is_file() else tiny
    ctx = Context(make_workspace(folder / "workspace", model, tokens=3000))
    ingest_documents(ctx)
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 8192}))
    with ctx.registry.stage("slow") as staging:
        shutil.copytree(tiny, staging.path, dirs_exist_ok=True)
        staging.publish("model", summary="random weights, thousands of tokens per answer")
    yield ctx
    ctx.close()


@pytest.fixture(scope="module")
def address(ctx: Context) -> Iterator[str]:
    """Return the address of the app's own server."""
    with served(ctx.workspace.path, ctx.workspace.path.parent / "server.log") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Return a new window that can reach this machine only."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page(), address)

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            visit.strangers.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    yield visit
    context.close()


def test_an_answer_streams_with_its_citation_and_its_thumb_is_stored(
    visit: Visit, ctx: Context
) -> None:
    visit.open(user="ana")
    visit.page.evaluate(WATCH)

    visit.say("When does the Marlow office open?")
    visit.page.get_by_text("What went into this prompt").wait_for()

    turn = turns_of(ctx, "ana")[0]
    assert turn.status == "done"
    expect(visit.page.get_by_test_id("stChatMessage").nth(1)).to_contain_text(turn.answer)
    seen = visit.page.evaluate("window.seen")
    assert seen[-1] == turn.answer
    assert all(turn.answer.startswith(part.removesuffix("▌").strip()) for part in seen)
    passages = visit.page.get_by_role("button", name="opening-hours.txt")
    numbers = cited_in(ctx, turn)
    assert passages.count() >= 1
    assert visit.page.get_by_text("format_quote").count() == len(numbers)
    visit.thumb(0, "Thumbs up").click()
    until(lambda: rating_of(ctx, turn) == 1)
    # last, since on a busy machine what it opens may lie over the thumbs for a while after it is closed
    passages.first.click()
    expect(
        visit.page.get_by_text("The Marlow office opens at 8:00 on weekdays").first
    ).to_be_visible()
    assert visit.strangers == []


def test_rating_an_old_answer_or_reloading_while_a_new_one_streams_loses_nothing(
    visit: Visit, ctx: Context
) -> None:
    visit.open(user="ben")
    visit.choose("Model", "slow@1")
    visit.say("one")
    until(lambda: visit.growing() != "")
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.get_by_text("What went into this prompt").wait_for()
    visit.say("two")
    until(lambda: visit.growing() != "")
    early = visit.growing()

    visit.thumb(0, "Thumbs down").click()

    until(lambda: rating_of(ctx, turns_of(ctx, "ben")[0]) == -1)
    until(lambda: len(visit.growing()) > len(early))
    assert turns_of(ctx, "ben")[1].status == "streaming"
    later = visit.growing()
    visit.page.reload()
    until(lambda: len(visit.growing()) > len(later))
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.get_by_text("What went into this prompt").nth(1).wait_for()
    first, second = turns_of(ctx, "ben")
    assert (first.status, second.status) == ("stopped", "stopped")
    assert first.answer
    assert second.answer.startswith(later.strip())
    assert (rating_of(ctx, first), rating_of(ctx, second)) == (-1, None)


def test_a_message_sent_while_an_answer_streams_is_asked_afterwards(
    visit: Visit, ctx: Context
) -> None:
    visit.open(user="cem")
    visit.choose("Model", "slow@1")
    visit.say("one")
    until(lambda: visit.growing() != "")

    visit.say("two")
    visit.page.get_by_text("Will be asked when the answer above has ended.").wait_for()
    visit.page.get_by_role("button", name="Stop").click()

    until(lambda: [t.question for t in turns_of(ctx, "cem")] == ["one", "two"])
    visit.page.get_by_role("button", name="Stop").click()
    until(lambda: [t.status for t in turns_of(ctx, "cem")] == ["stopped", "stopped"])
    assert [t.question for t in turns_of(ctx, "cem")] == ["one", "two"]


def test_markdown_of_others_makes_no_link_no_image_and_no_request(
    visit: Visit, ctx: Context
) -> None:
    evil = (
        "![a](http://evil.example/a.png) <img src='http://evil.example/b.png'> "
        "[c](http://evil.example/c) http://evil.example/d www.evil.example e@evil.example :smile:"
    )
    piece = {"source": "documents", "piece_id": "1", "label": evil, "text": evil, "score": 0.5}
    account = {**EMPTY_ACCOUNT, "pieces": [{**piece, "kept": True, "number": 1}]}
    session_id = ctx.feedback.new_session("eve")
    turn = Turn("evil", session_id, "eve", evil, evil)
    ctx.feedback.begin_turn(turn, account=account)
    ctx.feedback.rate("evil", user="eve", comment=evil, correction=evil)

    visit.open(user="eve", conversation=session_id)
    visit.page.get_by_role("button", name="[1]").click()
    visit.page.get_by_text("in the prompt, not cited").wait_for()

    shown = visit.page.get_by_test_id("stApp")
    assert shown.inner_text().replace("\u2060", "").count(evil) >= 5
    assert shown.locator("a[href*=evil]").count() == 0
    assert shown.locator("img[src*=evil]").count() == 0
    assert visit.strangers == []


def test_a_conversation_fits_a_phone(visit: Visit, ctx: Context) -> None:
    session_id = ctx.feedback.new_session("fay")
    turn = Turn("phone", session_id, "fay", "A question", f"An answer. {'x' * 200}")
    ctx.feedback.begin_turn(turn, account=EMPTY_ACCOUNT)

    visit.page.set_viewport_size({"width": 390, "height": 800})
    visit.page.goto(f"{visit.address}/?{urlencode({'user': 'fay', 'conversation': session_id})}")
    visit.page.get_by_text("What went into this prompt").wait_for()

    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = visit.page.get_by_placeholder("Write a message").bounding_box()
    answer = visit.page.get_by_text("An answer.").bounding_box()
    assert box is not None
    assert answer is not None
    assert box["x"] + box["width"] <= 390
    assert answer["x"] + answer["width"] <= 390


def turns_of(ctx: Context, user: str) -> list[Turn]:
    sessions = [session_id for session_id, _ in ctx.feedback.sessions(user)]
    return [turn for s in sessions for turn in ctx.feedback.turns(s, user=user)]


def cited_in(ctx: Context, turn: Turn) -> set[int]:
    account = read_account(ctx.feedback.account(turn.turn_id, user=turn.user))
    return cited_passages(account, turn.answer)


def rating_of(ctx: Context, turn: Turn) -> int | None:
    known = ctx.feedback.feedback_of(turn.turn_id, user=turn.user)
    return known.rating if known else None


def until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
