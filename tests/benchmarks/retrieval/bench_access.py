"""User A asks for what is in B's private collection, in every way that there is, again and again: does a word come out?

`ADAPT_QUERIES` says how many queries (20,000 unless set): most by the functions that every face calls, a tenth by the
command line in this process, and some by the app's pages.
"""

import contextlib
import io
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from adapt.errors import NotFoundError
from tests.benchmarks.report import Row
from tests.ui.driver import APP, App, make_workspace
from ui.actions import chat as chat_actions, documents as document_actions
from ui.cli.main import main
from ui.components.opening import forget_context, open_context
from ui.context import Context

QUERIES = int(os.environ.get("ADAPT_QUERIES", "20000"))
BY_PAGE, BY_COMMAND = 60, QUERIES // 10
CANARY = "zanzibar"
WORDS = [
    "the",
    "word",
    "of",
    "vault",
    "opens",
    "at",
    "midnight",
    "who",
    "when",
    "contracts",
    "secret",
    "museum",
    "zanzibar",
    "key",
]
VIEWS = ("views/chat.py", "views/documents.py")


def run() -> list[Row]:
    """Ask, and count the answers that hold the canary or the private collection's documents."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "docs"
        folder.mkdir()
        for i in range(20):
            (folder / f"vault-{i}.txt").write_text(
                f"Vault {i} opens with the word {CANARY} at {i}."
            )
        workspace = make_workspace(root / "workspace", "starter")
        ctx = open_context(workspace)
        request = document_actions.IngestRequest(
            paths=(folder,), collection="contracts", user="bo", private=True
        )
        document_actions.ingest(ctx, request)
        mine = document_actions.open_collection(ctx, "contracts", user="bo")
        found = mine.search("the word of the vault")
        seen = [one.chunk.chunk_id for one in found]
        leaks = _pages(workspace, ctx)
        leaks += sum(_command(workspace, draw, seen) for _ in range(BY_COMMAND))
        left = QUERIES - BY_COMMAND - BY_PAGE
        leaks += sum(_call(ctx, draw, seen) for _ in range(left))
        forget_context(workspace)
    return [
        Row(
            "queries of one user for another's private collection: answers with a word of it",
            f"{leaks} of {QUERIES:,}",
            "0",
            1.0 if not leaks and found else 0.0,
            f"{left:,} by the functions of all faces, {BY_COMMAND:,} by the command line, {BY_PAGE} by pages of the "
            f"app; the owner's own search finds {len(found)} passages",
        )
    ]


def _question(draw: random.Random) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(1, 6)))


def _call(ctx: Context, draw: random.Random, seen: list[str]) -> bool:
    """Return whether one of the functions gives anything away."""
    asked, user = _question(draw), draw.choice(["ana", "eve", "", "BO", "bo ", "me"])
    ways: list[Callable[[], object]] = [
        lambda: document_actions.search(ctx, asked, collection="contracts", user=user),
        lambda: chat_actions.preview(
            ctx, chat_actions.Question(asked, user=user or "ana", collection="contracts")
        ),
        lambda: document_actions.open_passage(
            ctx, draw.choice(seen), user=user, collection="contracts"
        ),
        lambda: document_actions.collections(ctx, user=user),
        lambda: document_actions.rollback(ctx, "contracts", user=user),
        lambda: document_actions.remove_documents(ctx, "contracts", ["vault-1.txt"], user=user),
    ]
    try:
        given = draw.choice(ways)()
    except NotFoundError as error:
        given = str(error).replace("'contracts'", "")  # the name that was asked for
    return bool(given) and any(word in str(given) for word in (CANARY, "vault-", "contracts"))


def _command(workspace: Path, draw: random.Random, seen: list[str]) -> bool:
    asked, user = _question(draw), draw.choice(["ana", "eve", "BO", "me"])
    ways: list[list[str]] = [
        ["search", asked, "--collection", "contracts"],
        ["documents", "list"],
        ["documents", "list", "--collection", "contracts"],
        ["documents", "open", draw.choice(seen), "--collection", "contracts"],
        ["documents", "versions", "--collection", "contracts"],
        ["jobs", "list"],
    ]
    words = [*draw.choice(ways), "--user", user, "--json", "--workspace", str(workspace)]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.suppress(SystemExit),
    ):
        main(words)
    said = (out.getvalue() + err.getvalue()).replace("'contracts'", "").replace(asked, "")
    return any(word in said for word in (CANARY, "vault-", "contracts"))


def _pages(workspace: Path, ctx: Context) -> int:
    sys.argv = ["app.py", str(workspace)]
    app = App(AppTest.from_file(str(APP), default_timeout=120), ctx)
    app.run()
    leaks = 0
    for number in range(BY_PAGE):
        if number % 10 == 0:
            app.be(("ana", "eve", "BO")[number // 10 % 3])
        app.page.switch_page(VIEWS[number % 2])
        page = app.run()
        leaks += any(word in str(page) for word in (CANARY, "vault-", "contracts"))
    return leaks
