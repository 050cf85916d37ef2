"""The page of documents, run by Streamlit's own test driver; what is read in the background is read by a real worker."""

import time
from pathlib import Path

import pytest

from tests.ui.driver import App
from ui.actions.documents import IngestRequest, collections, ingest, open_collection, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "vault.txt").write_text("The vault opens with the word zanzibar at midnight.")
    (contracts / "hours.md").write_text("# Hours\n\nThe office opens at nine.")
    return contracts


@pytest.fixture
def shown(app: App, folder: Path) -> App:
    """Return the app on the page of documents, over a collection that is bo's alone."""
    request = IngestRequest(paths=(folder,), collection="contracts", user="bo", private=True)
    ingest(app.ctx, request)
    app.run()
    app.be("bo")
    app.page.switch_page("views/documents.py")
    app.run()
    return app


def everything(app: App) -> str:
    """Return all that the page says."""
    kinds = ("text", "markdown", "caption", "info", "error", "warning", "html")
    texts = [
        str(element.value) for kind in kinds for element in app.page.get(kind) if kind != "html"
    ]
    texts += [str(element.proto) for element in app.page.get("html")]
    texts += [str(table.value) for table in app.page.dataframe]
    texts += [str(box.options) for box in app.page.selectbox]
    return "\n".join(texts)


def test_the_owner_sees_documents_and_searches_them(shown: App) -> None:
    assert "vault.txt" in everything(shown)

    shown.page.text_input(key="search-contracts").set_value("What is the word of the vault?")
    shown.run()

    assert "zanzibar" in everything(shown)
    assert "dense (minilm), lexical, distinct" in everything(shown).replace("\\", "")


def test_another_user_sees_nothing_of_it_on_any_page(shown: App) -> None:
    shown.be("eve")
    pages = [everything(shown)]
    for view in ("views/chat.py", "views/models.py", "views/documents.py"):
        shown.page.switch_page(view)
        shown.run()
        pages.append(everything(shown))

    assert not any("contracts" in page or "vault" in page or "zanzibar" in page for page in pages)
    assert collections(shown.ctx, user="eve") == []


def test_an_earlier_version_is_brought_back_on_the_page(shown: App, folder: Path) -> None:
    (folder / "hours.md").write_text("# Hours\n\nThe office opens at ten.")
    request = IngestRequest(paths=(folder,), collection="contracts", user="bo")
    ingest(shown.ctx, request)
    shown.run()

    shown.page.button(key="back-contracts-1").click()
    shown.run()

    passages = open_collection(shown.ctx, "contracts", user="bo").search(
        "When does the office open?"
    )
    assert "at nine" in passages[0].chunk.text


def test_who_may_read_is_changed_on_the_page(shown: App) -> None:
    shown.page.radio(key="who-contracts").set_value("me and those I name")
    shown.run()
    shown.page.text_input(key="readers-contracts").set_value("ana, eve")
    shown.page.button(key="share-contracts").click()
    shown.run()

    assert collections(shown.ctx, user="eve") == ["contracts"]
    assert collections(shown.ctx, user="zoe") == []


def test_documents_are_removed_on_the_page_only_by_who_is_sure(shown: App) -> None:
    shown.page.multiselect(key="remove-contracts").set_value(["vault.txt"])
    shown.run()
    assert shown.page.button(key="removal-contracts").disabled
    shown.page.checkbox(key="sure-contracts").set_value(True)
    shown.run()
    shown.page.button(key="removal-contracts").click()
    shown.run()

    kept = open_collection(shown.ctx, "contracts", user="bo").documents()
    assert list(kept) == ["hours.md"]


def test_files_that_are_given_are_read_in_the_background_for_their_user_alone(app: App) -> None:
    request = IngestRequest(paths=(), collection="mine", user="bo", private=True)
    job = upload(app.ctx, {"rule.txt": b"Doors are blue."}, request)
    deadline = time.monotonic() + 120
    while not app.ctx.jobs.get(job.job_id).ended and time.monotonic() < deadline:
        time.sleep(0.2)
    ended = app.ctx.jobs.get(job.job_id)
    app.run()
    app.be("eve")

    assert (ended.status, ended.error) == ("done", "")
    assert "rule" not in str(ended.result)
    assert collections(app.ctx, user="bo") == ["mine"]
    assert collections(app.ctx, user="eve") == []
    assert not any("reading documents" in str(caption.value) for caption in app.page.caption)
