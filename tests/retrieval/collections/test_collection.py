import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import AdaptError, DataError, NotFoundError, RecipeError, WorkspaceError
from adapt.protocols import TextEmbedder
from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace
from retrieval.chunks.cut import ChunkSettings
from retrieval.collections.collection import Collection
from retrieval.collections.owner import rebuild, remove
from retrieval.prompt.source import DocumentSource
from retrieval.search.search import SearchSettings

ALL = SearchSettings(min_score=-1)


class Renamed(HashEmbedder):
    """The hash embedder under another identity."""

    identity = "other@1"


class Counting(HashEmbedder):
    """The hash embedder, counting texts; it can be made to stop like a person pressing Ctrl-C."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.embedded = 0
        self._stop_after = stop_after

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self._stop_after is not None and self.embedded >= self._stop_after:
            raise KeyboardInterrupt
        self.embedded += len(texts)
        return super().embed(texts)


@pytest.fixture
def collection(workspace: Workspace, hashing: TextEmbedder) -> Collection:
    return Collection.open_or_create(workspace, "c", hashing)


def texts(collection: Collection) -> list[str]:
    passages = collection.search("anything", top_k=100, settings=ALL)
    return sorted(passage.chunk.text for passage in passages)


@pytest.mark.slow
def test_a_question_finds_the_passage_with_file_and_page(
    workspace: Workspace, handbook: Path, minilm: TextEmbedder
) -> None:
    collection = Collection.open_or_create(workspace, "c", minilm)
    report = collection.ingest([handbook])

    labels = {
        question: collection.search(question, top_k=1)[0].label
        for question in (
            "When does the office open?",
            "How many days of holiday do I have?",
            "Which class do I travel in?",
            "Where do I bring a restaurant receipt?",
        )
    }

    assert report.added == ["expenses.pdf", "hours.txt", "leave.md", "travel.html"]
    assert list(labels.values()) == ["hours.txt", "leave.md", "travel.html", "expenses.pdf, page 2"]


def test_the_source_offers_numbered_pieces_with_label_and_text(
    workspace: Workspace, handbook: Path, minilm: TextEmbedder
) -> None:
    collection = Collection.open_or_create(workspace, "c", minilm)
    collection.ingest([handbook])

    pieces = (
        DocumentSource(collection, top_k=2).offer("When does the office open?", user="ana").pieces
    )

    assert pieces[0].text.startswith("hours.txt\n<passage>\nThe office opens at nine")
    assert pieces[0].shown.startswith("hours.txt\nThe office opens at nine")
    assert pieces[0].passage is not None
    assert pieces[0].piece_id == pieces[0].passage.chunk.chunk_id


@pytest.mark.slow
def test_small_talk_finds_nothing(
    workspace: Workspace, handbook: Path, minilm: TextEmbedder
) -> None:
    collection = Collection.open_or_create(workspace, "c", minilm)
    collection.ingest([handbook])

    results = {talk: collection.search(talk) for talk in ("hello", "thank you", "tell me a joke")}

    assert results == {"hello": [], "thank you": [], "tell me a joke": []}


def test_the_same_folder_twice_adds_nothing(workspace: Workspace, handbook: Path) -> None:
    embedder = Counting()
    collection = Collection.open_or_create(workspace, "c", embedder)
    collection.ingest([handbook])
    before = embedder.embedded

    report = collection.ingest([handbook])

    assert (len(report.unchanged), report.added, report.changed) == (4, [], [])
    assert (report.chunks, embedder.embedded, collection.version) == (0, before, 1)


def test_a_changed_file_replaces_its_chunks(collection: Collection, handbook: Path) -> None:
    collection.ingest([handbook])
    (handbook / "hours.txt").write_text("The office opens at ten.")

    report = collection.ingest([handbook])

    assert report.changed == ["hours.txt"]
    assert "The office opens at ten." in texts(collection)
    assert not any("at nine" in text for text in texts(collection))


def test_only_prune_removes_what_is_no_longer_there(collection: Collection, handbook: Path) -> None:
    collection.ingest([handbook])
    (handbook / "hours.txt").unlink()

    kept = collection.ingest([handbook])
    pruned = collection.ingest([handbook], prune=True)

    assert (kept.removed, pruned.removed) == ([], ["hours.txt"])
    assert not any("office opens" in text for text in texts(collection))


def test_prune_leaves_the_documents_of_other_folders_alone(
    collection: Collection, handbook: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "hours.txt").write_text("The shop is closed.")
    collection.ingest([handbook])
    collection.ingest([other])

    report = collection.ingest([other], prune=True)

    assert report.removed == []
    assert {"hours.txt", "other/hours.txt"} <= collection.documents().keys()


def test_a_folder_a_part_of_it_and_a_file_of_it_meet_in_the_same_names(
    collection: Collection, handbook: Path
) -> None:
    part = handbook / "rules"
    part.mkdir()
    (part / "a.txt").write_text("Be kind.")
    collection.ingest([handbook])

    reports = [collection.ingest([path]) for path in (part, part / "a.txt", handbook / "leave.md")]

    assert [r.unchanged for r in reports] == [["rules/a.txt"], ["rules/a.txt"], ["leave.md"]]


def test_a_folder_that_was_moved_keeps_its_names(
    collection: Collection, handbook: Path, tmp_path: Path
) -> None:
    collection.ingest([handbook])
    moved = tmp_path / "elsewhere" / "handbook"
    moved.parent.mkdir()
    handbook.rename(moved)

    assert len(collection.ingest([moved]).unchanged) == 4


def test_a_report_names_what_happened_to_each_file(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, content in {
        "a.txt": "alpha text about rivers",
        "b.bin": "\0\1\2",
        "c.txt": "gamma text about lakes",
        "d.txt": "",
        "e.txt": "zeta text about seas",
        "f.pdf": "no pdf",
    }.items():
        (folder / name).write_text(content)

    first = collection.ingest([folder])
    (folder / "e.txt").write_text("another text about hills")
    (folder / "c.txt").write_text("")
    second = collection.ingest([folder], retry=True)

    assert first.added == ["a.txt", "c.txt", "e.txt"]
    assert sorted(name for name, _ in first.failed) == ["b.bin", "d.txt", "f.pdf"]
    assert all(f"/{name}" in reason for name, reason in first.failed)
    assert (second.added, second.changed) == ([], ["e.txt"])
    assert sorted(name for name, _ in second.failed) == ["b.bin", "c.txt", "d.txt", "f.pdf"]


def test_a_failed_file_is_reported_and_the_rest_goes_on(
    collection: Collection, handbook: Path
) -> None:
    (handbook / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (handbook / "empty.txt").write_bytes(b"")

    report = collection.ingest([handbook])

    assert [name for name, _ in report.failed] == ["broken.pdf", "empty.txt"]
    assert "damaged" in report.failed[0][1]
    assert len(report.added) == 4


def test_a_file_that_can_no_longer_be_read_keeps_its_last_text(
    collection: Collection, handbook: Path
) -> None:
    collection.ingest([handbook])
    (handbook / "hours.txt").write_bytes(b"")

    report = collection.ingest([handbook])

    assert "what was read of it before stays" in report.failed[0][1]
    assert any("at nine" in text for text in texts(collection))


def test_nothing_readable_is_an_error_and_leaves_no_collection(
    workspace: Workspace, collection: Collection, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    with pytest.raises(DataError, match="no file to ingest"):
        collection.ingest([folder])
    (folder / "a.txt").write_bytes(b"")
    (folder / "b.xyz").write_bytes(b"?")

    with pytest.raises(DataError, match=r"a\.txt: empty.*\(and 1 more could not be read\)"):
        collection.ingest([folder])

    assert Collection.list(workspace) == []
    assert not collection.folder.exists()


def test_hidden_files_and_links_are_passed_over_and_said(
    collection: Collection, handbook: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The secret word is swordfish.")
    (handbook / "link.txt").symlink_to(secret)
    (handbook / ".hidden.txt").write_text("hidden")
    os.mkfifo(handbook / "pipe.txt")

    report = collection.ingest([handbook])

    assert sorted(reason for _, reason in report.skipped) == [
        "a link",
        "hidden",
        "not a regular file",
    ]
    assert not any("swordfish" in text for text in texts(collection))


def test_a_file_whose_name_is_no_text_is_passed_over_and_said(
    collection: Collection, handbook: Path
) -> None:
    (handbook / os.fsdecode(b"latin\xff.txt")).write_text("The office is closed.")

    report = collection.ingest([handbook])

    assert [reason for _, reason in report.skipped] == ["its name is not UTF-8; rename it"]
    assert len(report.added) == 4


def test_a_missing_path_is_named(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        collection.ingest([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="name files or folders"):
        collection.ingest([])


def test_removed_documents_are_not_found_any_more(collection: Collection, handbook: Path) -> None:
    collection.ingest([handbook])

    remove(collection, "hours.txt")

    assert not any("office opens" in text for text in texts(collection))
    with pytest.raises(NotFoundError, match=r"did you mean leave\.md"):
        remove(collection, "leav.md")


@pytest.mark.slow
def test_another_open_collection_sees_the_new_version(
    workspace: Workspace, collection: Collection, handbook: Path, hashing: TextEmbedder
) -> None:
    collection.ingest([handbook])
    reader = Collection.open(workspace, "c", hashing)
    texts(reader)
    for hour in ("ten", "eleven", "twelve"):
        (handbook / "hours.txt").write_text(f"The office opens at {hour}.")
        collection.ingest([handbook])

    assert "The office opens at twelve." in texts(reader)
    assert texts(reader) == texts(collection)


def test_dead_chunks_never_push_live_ones_out(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02d}.txt").write_text(f"The office opens at nine, says number {i}.")
    collection.ingest([folder])
    for i in range(12):
        (folder / f"{i:02d}.txt").unlink()
    (folder / "late.txt").write_text("Something else entirely, at the end of the day.")
    collection.ingest([folder], prune=True)

    passages = collection.search("The office opens at nine, says number 3.", top_k=48, settings=ALL)

    assert len(passages) == 48
    assert min(int(p.chunk.document[:2]) for p in passages if p.chunk.document[0] != "l") == 12


@pytest.mark.slow
def test_many_small_ingests_leave_few_segments(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(12):
        (folder / f"{i}.txt").write_text(f"Rule number {i}.")
        collection.ingest([folder])

    segments = list((collection.folder / "segments").iterdir())

    assert len(texts(collection)) == 12
    assert len(segments) <= 8  # of this version and the one before


def test_the_index_finds_what_an_exact_scan_finds(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    rules = [f"Rule {i * 7919} of room {i % 17} concerns door {i % 29}." for i in range(300)]
    for i, rule in enumerate(rules):
        (folder / f"{i}.txt").write_text(rule)
    collection.ingest([folder])
    embedder = HashEmbedder()
    question = "Which rule concerns door 7 of room 3?"
    query = np.array(embedder.embed([question])[0])

    passages = collection.search(
        question, top_k=5, settings=SearchSettings(min_score=-1, lexical=False)
    )

    scores = [float(np.array(v) @ query) for v in embedder.embed(rules)]
    assert [p.score for p in passages] == pytest.approx(sorted(scores, reverse=True)[:5], abs=1e-4)
    assert passages[0].scores == {"dense": passages[0].score}


@pytest.mark.slow
def test_an_interrupted_ingest_shows_nothing_and_is_taken_up(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(600):
        (folder / f"{i:03d}.txt").write_text(f"Rule number {i}.")
    with pytest.raises(KeyboardInterrupt):
        Collection.open_or_create(workspace, "c", Counting(stop_after=512)).ingest([folder])
    assert Collection.list(workspace) == []
    assert not (workspace.collections / "c" / "segments").exists()
    embedder = Counting()
    collection = Collection.open_or_create(workspace, "c", embedder)

    report = collection.ingest([folder])

    assert (len(report.added), report.chunks, embedder.embedded) == (600, 600, 600 - 512)
    assert not (collection.folder / "staged").exists()


@pytest.mark.slow
def test_a_second_ingest_at_the_same_time_gets_a_sentence(
    workspace: Workspace, collection: Collection, handbook: Path, hashing: TextEmbedder
) -> None:
    other = Collection.open_or_create(workspace, "c", hashing)
    refused: list[str] = []

    def during(event: ProgressEvent) -> None:
        if event.stage == "ingest" and not refused:
            with pytest.raises(WorkspaceError) as caught:
                other.ingest([handbook])
            refused.append(str(caught.value))

    collection.ingest([handbook], progress=during)

    assert "collection 'c' is in use by another process" in refused[0]


def test_another_embedder_is_refused_and_rebuilds_beside_the_old_index(
    workspace: Workspace, collection: Collection, handbook: Path
) -> None:
    collection.ingest([handbook])
    before = texts(collection)
    with pytest.raises(WorkspaceError, match=r"made with the embedder hash@256, this is other@1"):
        Collection.open(workspace, "c", Renamed())

    rebuild(Collection(workspace, "c", Renamed(), ""))

    rebuilt = Collection.open(workspace, "c", Renamed())
    assert texts(rebuilt) == before
    assert rebuilt.version == 2


def test_other_chunk_settings_cut_every_document_anew(
    collection: Collection, handbook: Path
) -> None:
    collection.ingest([handbook])

    report = collection.ingest([handbook], settings=ChunkSettings(tokens=64, overlap=0))

    assert len(report.changed) == 4
    with pytest.raises(RecipeError, match=r"chunks\.tokens: 500 is more than this embedder reads"):
        collection.ingest([handbook], settings=ChunkSettings(tokens=500))


def test_a_collection_that_is_not_there_offers_those_that_are(
    workspace: Workspace, collection: Collection, handbook: Path, hashing: TextEmbedder
) -> None:
    collection.ingest([handbook])

    with pytest.raises(NotFoundError, match="no collection named 'd'; there is: c"):
        Collection.open(workspace, "d", hashing)
    with pytest.raises(AdaptError, match="cannot name a collection"):
        Collection.open_or_create(workspace, "../x", hashing)


def test_an_empty_question_gets_a_sentence(collection: Collection, handbook: Path) -> None:
    assert collection.search("anything") == []
    collection.ingest([handbook])

    with pytest.raises(DataError, match="the query is empty"):
        collection.search("  ")


def test_a_damaged_collection_says_what_to_do(collection: Collection, handbook: Path) -> None:
    collection.ingest([handbook])
    shutil.rmtree(collection.folder / "segments")
    with pytest.raises(WorkspaceError, match=r"missing; restore it or ingest"):
        collection.search("anything")

    (collection.folder / "manifest.json").write_text("{")

    with pytest.raises(WorkspaceError, match=r"manifest\.json: damaged"):
        collection.search("anything")


def test_a_full_disk_gets_a_sentence_and_the_version_before_stays(
    collection: Collection, handbook: Path
) -> None:
    collection.ingest([handbook])
    (handbook / "hours.txt").write_text("The office opens at ten.")

    def full(event: ProgressEvent) -> None:
        if event.stage == "ingest":
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WorkspaceError, match="the disk is full; free some space"):
        collection.ingest([handbook], progress=full)

    assert any("at nine" in text for text in texts(collection))
    assert len(list((collection.folder / "segments").iterdir())) == 1
