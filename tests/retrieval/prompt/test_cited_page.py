from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.records import Chunk, Document, Page
from adapt.workspace.folder import Workspace
from retrieval.chunks.cut import ChunkSettings, chunk
from retrieval.collections.collection import Collection
from retrieval.collections.owner import remove
from retrieval.prompt.cited_page import page_text

SMALL = ChunkSettings(tokens=32, overlap=8)
WORDS = st.sampled_from(["casa", "the", "señor,", "a.", "\n\n", "# Head\n", "x" * 90, "a | b\n"])


@settings(max_examples=60, deadline=None)
@given(text=st.lists(WORDS, min_size=1, max_size=200).map(" ".join).filter(str.strip))
def test_a_page_put_together_from_its_chunks_is_the_page_but_for_white_space(text: str) -> None:
    document = Document("a.md", "0" * 64, (Page(text, form="markdown"),))
    chunks = chunk(document, SMALL, count_tokens=HashEmbedder().count_tokens)

    whole, first = page_text(sorted(chunks, key=lambda piece: piece.start))

    assert "".join(whole.split()) == "".join(text.split())
    assert all(whole[c.start - first : c.end - first] == c.text for c in chunks)


@pytest.fixture
def collection(workspace: Workspace, tmp_path: Path) -> Collection:
    folder = tmp_path / "docs"
    folder.mkdir()
    parts = [f"## Part {i}\n\n" + f"Rule {i} is about door {i}. " * 12 for i in range(5)]
    (folder / "rules.md").write_text("# Rules\n\n" + "\n\n".join(parts))
    (folder / "other.md").write_text("# Other\n\nSomething else.")
    created = Collection.open_or_create(workspace, "c", HashEmbedder())
    created.ingest([folder], settings=ChunkSettings(tokens=64, overlap=0))
    return created


def find(collection: Collection, text: str) -> Chunk:
    return next(piece for piece in collection.index.live_chunks() if text in piece.text)


def test_a_passage_opens_in_the_whole_of_its_page(collection: Collection) -> None:
    cited = find(collection, "Rule 2")

    view = collection.open_passage(cited.chunk_id)

    assert view is not None
    assert (view.document, view.heading, view.span, view.current) == (
        "rules.md",
        "Rules > Part 2",
        cited.text,
        True,
    )
    assert view.before.startswith("# Rules\n\n## Part 0")
    assert "Rule 4" in view.after
    assert "Something else" not in view.before + view.after


def test_a_passage_that_neighbours_were_joined_to_is_marked_whole(collection: Collection) -> None:
    cited = find(collection, "Rule 2")
    page = collection.open_passage(cited.chunk_id)
    assert page is not None
    whole = page.before + page.span + page.after
    joined = whole[cited.start - 200 : cited.end + 150]

    view = collection.open_passage(cited.chunk_id, joined)

    assert view is not None
    assert view.span == joined
    assert view.before + view.span + view.after == whole


def test_an_old_citation_still_opens_and_says_so_until_its_version_goes(
    collection: Collection, tmp_path: Path
) -> None:
    cited = find(collection, "Rule 2")
    (tmp_path / "docs" / "rules.md").write_text("# Rules\n\nThere are none any more.")
    collection.ingest([tmp_path / "docs"])

    old = collection.open_passage(cited.chunk_id)
    remove(collection, "other.md")

    assert old is not None
    assert old.span == cited.text
    assert (old.current, old.note) == (
        False,
        "The document has been replaced by another version since; this is the one that was cited.",
    )
    assert collection.open_passage(cited.chunk_id) is None
    assert collection.open_passage("nonsense") is None
