"""What a search makes of candidates: which parts ran, what was left out, joined and read again, and that threads agree."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapt.errors import RecipeError
from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.filters import Filter
from retrieval.search.evaluate import AskedQuestion, evaluate
from retrieval.search.search import SearchResult, SearchSettings, rankings, run, search
from tests.rerankers import make_reranker

SECTIONS = (
    "The reception opens its doors at nine in the morning and closes them late in the evening.",
    "Guests leave the key of their room at the reception when they go out for the day.",
    "The pool is on the roof. Children swim there together with somebody who is grown up.",
    "Breakfast is served on the terrace, unless it rains, until eleven in the morning.",
)
ALL = SearchSettings(min_score=-1)


@pytest.fixture
def hotel(workspace: Workspace, tmp_path: Path, hashing: TextEmbedder) -> Collection:
    """Return a collection with a long page, and a document that is there three times."""
    folder = tmp_path / "hotel"
    folder.mkdir()
    page = "".join(f"# Part {n}\n\n{text} {text}\n\n" for n, text in enumerate(SECTIONS))
    (folder / "house.md").write_text(page)
    for name in ("refund.txt", "copy of refund.txt", "old refund.txt"):
        (folder / name).write_text(
            "Money is returned within ten days if you cancel.\n" + " " * len(name)
        )
    (folder / "refund 2.txt").write_text("Money is returned within nine days if you cancel.")
    collection = Collection.open_or_create(workspace, "hotel", hashing)
    collection.ingest([folder])
    return collection


def test_a_document_that_is_there_three_times_is_found_once(hotel: Collection) -> None:
    question = "When is money returned?"

    result = run(hotel.index, question, top_k=3, settings=ALL)
    everything = run(
        hotel.index, question, top_k=3, settings=ALL.model_copy(update={"distinct": False})
    )

    texts = [one.chunk.text.strip() for one in result.passages]
    assert len(texts) == len(set(texts)) == 3
    assert sum("nine days" in text for text in texts) == 1
    assert result.duplicates == 2
    assert result.ran == ("dense", "lexical", "distinct")
    assert everything.ran == ("dense", "lexical")
    assert len({one.chunk.text.strip() for one in everything.passages}) < 3


def test_the_account_names_the_parts_that_ran(hotel: Collection) -> None:
    settings = SearchSettings(lexical=False, diversity=0.3, join=True, expand=1)

    result = run(hotel.index, "the key of the room", settings=settings)

    assert result.ran == ("dense", "diverse", "distinct", "expand", "join")
    assert 0 < result.candidates <= 8
    assert all(one.scores.keys() == {"dense"} for one in result.passages)
    assert run(hotel.index, "zebra", settings=SearchSettings()).passages == ()
    only = run(hotel.index, "key", settings=SearchSettings(), only=Filter(documents=("house.md",)))
    assert only.ran == ("filter", "dense", "lexical", "distinct")
    assert {one.chunk.document for one in only.passages} == {"house.md"}


def test_passages_side_by_side_become_one_and_documents_keep_their_order(hotel: Collection) -> None:
    question = "At what time does the reception open, and where do I leave the key?"
    apart = search(hotel.index, question, top_k=8, settings=ALL)
    whole = next(one.chunk for one in apart if one.chunk.document == "house.md")

    joined = search(hotel.index, question, top_k=8, settings=ALL.model_copy(update={"join": True}))

    assert len([one for one in apart if one.chunk.document == "house.md"]) == len(SECTIONS)
    (house,) = [one.chunk for one in joined if one.chunk.document == "house.md"]
    assert house.chunk_id == whole.chunk_id
    assert all(text in house.text for text in SECTIONS)
    assert len(house.text) == house.end - house.start
    assert list(dict.fromkeys(one.chunk.document for one in apart)) == [
        one.chunk.document for one in joined
    ]


def test_neighbours_are_added_where_they_are_asked_for(hotel: Collection) -> None:
    question = "key of their room at the reception"

    (alone,) = search(hotel.index, question, top_k=1, settings=ALL)
    (wide,) = search(hotel.index, question, top_k=1, settings=ALL.model_copy(update={"expand": 1}))

    assert SECTIONS[1] in alone.chunk.text
    assert SECTIONS[0] not in alone.chunk.text
    assert all(text in wide.chunk.text for text in SECTIONS[:3])
    assert SECTIONS[3] not in wide.chunk.text


@pytest.mark.slow
def test_a_cross_encoder_decides_the_order_of_what_it_reads(
    hotel: Collection, tmp_path: Path
) -> None:
    from adapt.embedding.reranker import load_reranker

    name = str(make_reranker(tmp_path / "reranker"))
    question = "When is money returned?"
    settings = ALL.model_copy(update={"rerank": name, "distinct": False})
    before = search(
        hotel.index, question, top_k=8, settings=ALL.model_copy(update={"distinct": False})
    )
    texts = {
        one.chunk.chunk_id: one.chunk.text
        if one.chunk.text.startswith("#")
        else f"{one.chunk.heading}\n{one.chunk.text}"
        for one in before
    }
    scores = dict(
        zip(texts, load_reranker(name).score(question, list(texts.values())), strict=True)
    )

    result = run(hotel.index, question, top_k=8, settings=settings)

    found = [one.chunk.chunk_id for one in result.passages]
    assert result.ran == ("dense", "lexical", "rerank")
    assert found == sorted(scores, key=lambda i: -scores[i])
    assert found != [one.chunk.chunk_id for one in before]
    fused = {one.chunk.chunk_id: one.score for one in before}
    for passage in result.passages:
        assert (
            passage.scores["rerank"]
            == passage.score
            == pytest.approx(scores[passage.chunk.chunk_id])
        )
        assert passage.scores["fused"] == fused[passage.chunk.chunk_id]


@pytest.mark.slow
def test_only_the_best_are_read_again_and_the_last_part_measured_is_the_search(
    hotel: Collection, tmp_path: Path
) -> None:
    name = str(make_reranker(tmp_path / "reranker"))
    settings = ALL.model_copy(update={"rerank": name, "rerank_top": 3, "top_k": 3})
    question = "When is money returned?"

    ranked = rankings(hotel.index, question, settings)
    found = [one.chunk.chunk_id for one in search(hotel.index, question, settings=settings)]

    assert list(ranked) == ["dense", "lexical", "fused", "reranked"]
    assert ranked["reranked"][: len(found)] == found
    assert set(ranked["reranked"]) <= set(ranked["dense"])
    quality = evaluate(
        [AskedQuestion(question=question, relevant={"x": 1.0})],
        lambda asked: rankings(hotel.index, asked, settings),
        lambda _: "x",
    )
    assert quality.parts[-1].name == "reranked"
    assert set(quality.gains) == {"dense", "lexical", "fused"}


def test_what_is_measured_as_fused_is_the_order_of_a_search(hotel: Collection) -> None:
    question = "money returned in the morning"
    for changes in (
        {},
        {"dense": False},
        {"lexical": False},
        {"distinct": False},
        {"diversity": 0.5},
    ):
        settings = SearchSettings(top_k=3, min_score=-1, min_coverage=0).model_copy(update=changes)
        found = [one.chunk.chunk_id for one in search(hotel.index, question, settings=settings)]
        far = settings.model_copy(update={"min_score": 0.99, "min_coverage": 1.0})

        ranked = rankings(hotel.index, question, settings)

        assert list(ranked) == ["dense", "lexical", "fused"]
        assert ranked["fused"][:3] == found
        assert len(found) == 3
        assert rankings(hotel.index, question, far)["fused"] == []


def test_each_part_is_measured_in_its_own_order_whether_switched_on_or_not(
    hotel: Collection,
) -> None:
    question = "money returned in the morning"
    each = ALL.model_copy(update={"distinct": False, "top_k": 20, "min_coverage": 0.0})

    ranked = rankings(hotel.index, question, SearchSettings())

    for part, other in (("dense", "lexical"), ("lexical", "dense")):
        alone = each.model_copy(update={other: False})
        passages = search(hotel.index, question, settings=alone)
        scored = {one.chunk.chunk_id: one.scores[part] for one in passages}
        assert ranked[part] == sorted(
            (i for i in scored if part == "dense" or scored[i]), key=lambda i: (-scored[i], i)
        )
        off = SearchSettings.model_validate({part: False})
        assert rankings(hotel.index, question, off)[part] == ranked[part]


def test_the_account_is_one_line_with_the_embedders_and_the_number_of_candidates() -> None:
    result = SearchResult((), ("filter", "dense", "lexical"), 12, embedders=("minilm", "muse"))

    assert result.account == "ran: filter, dense (minilm, muse), lexical; 12 candidates"
    assert SearchResult((), ("dense",), 1).account == "ran: dense; 1 candidates"


def test_settings_with_both_parts_off_are_refused_as_they_are_read(workspace: Workspace) -> None:
    (workspace.path / "adapt.toml").write_text("[search]\ndense = false\nlexical = false\n")

    with pytest.raises(RecipeError, match=r"search\.dense and search\.lexical are both off"):
        workspace.settings("search", SearchSettings)


def test_threads_find_what_one_finds(hotel: Collection) -> None:
    questions = [
        f"{one} {two}" for one in ("key", "pool", "money") for two in ("room", "doors", "rains")
    ]
    alone = [search(hotel.index, question, settings=ALL) for question in questions]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda q: search(hotel.index, q, settings=ALL), questions * 20))

    assert together == alone * 20


def test_one_passage_that_fits_is_enough_for_a_search_and_each_must_fit_for_a_prompt(
    hotel: Collection,
) -> None:
    question = "money returned in the morning"
    every = SearchSettings(top_k=6, min_score=-1)
    scores = [one.scores["dense"] for one in search(hotel.index, question, settings=every)]
    bound = sorted(scores)[-2]  # two passages reach it
    between = every.model_copy(update={"min_score": bound, "min_coverage": 1.0})

    strict = search(hotel.index, question, settings=between)
    loose = search(hotel.index, question, settings=between.model_copy(update={"strict": False}))

    assert all(one.scores["dense"] >= bound or one.scores["coverage"] == 1 for one in strict)
    assert len(strict) < len(loose) == len(scores)
    assert len(rankings(hotel.index, question, between)["fused"]) >= len(loose)
