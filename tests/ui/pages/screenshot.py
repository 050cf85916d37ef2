"""Takes the README's picture of the app, a real conversation on the demo: `python -m tests.ui.pages.screenshot OUT.png`."""

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.ui.driver import CHROMIUM, CHROMIUM_FLAGS, served
from ui.context import Context
from ui.demo.run import DATA, ingest_documents
from ui.environment import prepare

SHOWN = (0, 1)  # turns of the demo's script
PATIENCE = 120_000  # milliseconds


def take(out: Path) -> None:
    """Serve the demo's documents from a workspace of its own, talk to the starter, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "adapt-demo"
        ctx = Context(workspace)
        ingest_documents(ctx)
        ctx.close()
        with served(workspace, Path(folder) / "server.log") as address, sync_playwright() as player:
            browser = player.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE)
            page.goto(f"{address}/?user=ana")
            page.get_by_text("Use documents").wait_for()
            turns = json.loads((DATA / "chat.json").read_text(encoding="utf-8"))["turns"]
            for number, place in enumerate(SHOWN):
                _ask(page, turns[place]["question"], number, fact=turns[place]["fact"])
            page.screenshot(path=out)
            browser.close()


def _ask(page: Page, question: str, number: int, *, fact: str) -> None:
    """Ask, and rate the answer by whether it holds the fact, as the demo does."""
    box = page.get_by_placeholder("Write a message")
    box.fill(question)
    box.press("Enter")
    page.get_by_text("What went into this prompt").nth(number).wait_for()
    answer = page.get_by_label("Chat message from assistant").nth(number).inner_text()
    thumb = "Thumbs up" if fact.casefold() in answer.casefold() else "Thumbs down"
    row = page.get_by_test_id("stFeedback").nth(number)
    row.get_by_role("radio", name=thumb).click()
    row.get_by_role("radio", name=thumb, checked=True).wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="hidden")


if __name__ == "__main__":
    prepare()
    take(Path(sys.argv[1]))
