"""A filter is applied before anything is ranked, so that as many passages are found as were asked for."""

from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.collections.owner import remove
from retrieval.index.filters import Filter
from retrieval.search.search import SearchSettings, run, search
from tests.retrieval.conftest import write_pdf

ALL = SearchSettings(min_score=-1)
QUESTION = "What does rule 3 say of doors?"


@pytest.fixture
def rules(workspace: Workspace, tmp_path: Path, hashing: TextEmbedder) -> Collection:
    """Return a collection of 200 documents that answer, and a few in other folders that answer less."""
    folder = tmp_path / "rules"
    for part in ("new", "old/2020", "es"):
        (folder / part).mkdir(parents=True)
    for i in range(200):
        (folder / f"new/{i}.txt").write_text(f"Rule {i} says of doors: what does rule {i} say?")
    for i in range(6):
        (folder / f"old/2020/{i}.md").write_text(
            f"# Windows\n\nNumber {i} is about the windows here."
        )
    (folder / "es/puertas.txt").write_text(
        "Las puertas de la casa se cierran por la noche, siempre."
    )
    write_pdf(folder / "old/pages.pdf", [f"This is what stands on page {n}." for n in range(1, 6)])
    collection = Collection.open_or_create(workspace, "c", hashing)
    collection.ingest([folder])
    return collection


def names(collection: Collection, only: Filter, **parts: bool) -> set[str]:
    settings = ALL.model_copy(update=parts)
    passages = search(collection.index, QUESTION, top_k=100, settings=settings, only=only)
    return {passage.label for passage in passages}


@pytest.mark.parametrize("parts", [{}, {"lexical": False}])
def test_only_documents_that_fit_are_found_and_all_of_them(
    rules: Collection, parts: dict[str, bool]
) -> None:
    old = {f"old/2020/{i}.md" for i in range(6)}

    assert names(rules, Filter(documents=("old/2020/*",)), **parts) == old
    assert names(rules, Filter(documents=("*/2.md", "es/*")), **parts) == {
        "old/2020/2.md",
        "es/puertas.txt",
    }
    assert names(rules, Filter(languages=("es",)), **parts) == {"es/puertas.txt"}
    assert names(rules, Filter(heading="windOWS"), **parts) == old
    assert names(rules, Filter(first_page=4), **parts) == {
        f"old/pages.pdf, page {n}" for n in (4, 5)
    }
    assert names(rules, Filter(last_page=1), **parts) == {"old/pages.pdf, page 1"}
    assert names(rules, Filter(heading="windows", languages=("es",)), **parts) == set()


def test_words_count_as_rare_as_they_are_in_the_whole_collection(rules: Collection) -> None:
    only = Filter(documents=("new/3.txt", "new/4.txt"))
    settings = SearchSettings(min_coverage=0, dense=False)
    whole = {
        passage.chunk.chunk_id: passage.score
        for passage in search(rules.index, QUESTION, top_k=300, settings=settings)
    }

    passages = search(rules.index, QUESTION, top_k=2, settings=settings, only=only)

    assert [passage.score for passage in passages] == [
        whole[passage.chunk.chunk_id] for passage in passages
    ]
    assert len(passages) == 2


def test_a_filter_that_asks_for_nothing_is_none(rules: Collection) -> None:
    assert not Filter()
    assert run(rules.index, QUESTION, only=Filter()).ran == run(rules.index, QUESTION).ran
    assert run(rules.index, QUESTION, only=Filter(first_page=1)).ran[0] == "filter"


def test_a_filter_sees_only_what_is_live(rules: Collection) -> None:
    only = Filter(documents=("old/2020/*",))
    assert len(names(rules, only)) == 6

    remove(rules, "old/2020/3.md")

    assert names(rules, only) == {f"old/2020/{i}.md" for i in (0, 1, 2, 4, 5)}


@pytest.mark.parametrize(
    ("first", "last", "message"), [(0, None, "count from 1"), (5, 4, "swap them")]
)
def test_pages_that_cannot_be_are_one_sentence(first: int, last: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Filter(first_page=first, last_page=last)
