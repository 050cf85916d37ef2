"""What a question names is first, however it is written: a heading before a mention, an annex, a number; it is not cut."""

from pathlib import Path

import pytest

from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.live_words import IN_TEXT
from retrieval.index.version_index import Candidate
from retrieval.search.rank import SearchSettings, _fitting

LETTERS = "ABEIRVY"


def ingested(
    workspace: Workspace, folder: Path, texts: dict[str, str], embedder: TextEmbedder
) -> Collection:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    made = Collection.open_or_create(workspace, "c", embedder)
    made.ingest([folder])
    return made


def test_an_annex_is_first_by_its_letter_in_any_language(
    workspace: Workspace, tmp_path: Path, minilm: TextEmbedder
) -> None:
    texts = {
        f"annex_{letter}.txt": f"Annex {letter}. This annex sets the fee for a load of sort {place}, paid at the gate."
        for place, letter in enumerate(LETTERS)
    }
    annexes = ingested(workspace, tmp_path / "docs", texts, minilm)

    for form in ("What does Annex {} say?", "Annex {}", "¿Qué dice el anexo {}?"):
        first = [annexes.search(form.format(letter))[0].chunk.document for letter in LETTERS]
        assert first == list(texts)


def test_the_article_is_first_and_not_one_that_speaks_of_it(
    workspace: Workspace, tmp_path: Path, minilm: TextEmbedder
) -> None:
    parts = [
        f"## Artículo {n}\n\nLa Junta resuelve lo suyo según el artículo {n % 12 + 1} y el artículo {(n + 4) % 12 + 1}."
        for n in range(1, 13)
    ]
    law = {"ley.md": "# LEY DE MOLINOS\n\n" + "\n\n".join(parts)}
    laws = ingested(workspace, tmp_path / "docs", law, minilm)

    for number in range(1, 13):
        first = laws.search(f"art. {number} de la ley de molinos")[0].chunk
        assert f"## Artículo {number}\n" in first.text


@pytest.mark.parametrize("query", ["+34 600123456", "600-123-456", "call 600 123 456 at night"])
def test_a_telephone_number_is_first_however_it_is_written(
    workspace: Workspace, tmp_path: Path, minilm: TextEmbedder, query: str
) -> None:
    texts = {
        f"{n}.txt": f"The porter of hall {n} is called on {number} at night."
        for n, number in enumerate(("600 123 456", "600 123 465", "+34 611 123 456"))
    }
    halls = ingested(workspace, tmp_path / "docs", texts, minilm)

    assert halls.search(query)[0].chunk.document == "0.txt"


def candidate(dense: float, lexical: float, coverage: float, named: float = 0.0) -> Candidate:
    return Candidate("x-0", dense, lexical, coverage, named=named)


def test_what_ranks_first_by_words_is_not_cut_while_worse_stays() -> None:
    settings = SearchSettings()
    far_but_first = candidate(0.1, 9.0, 0.3)
    near = candidate(0.6, 1.0, 0.1)
    far = candidate(0.1, 2.0, 0.2)

    kept = _fitting([(near, 0.9), (far, 0.5), (far_but_first, 0.4)], settings)

    assert [one for one, _ in kept] == [near, far_but_first]
    assert _fitting([(far_but_first, 0.9), (far, 0.5)], settings) == []


def test_what_is_named_is_kept_though_little_else_is_there() -> None:
    named = candidate(0.1, 2.0, 0.2, named=1.0)

    assert _fitting([(named, 0.5)], SearchSettings()) == [(named, 0.5)]


def test_the_first_by_words_is_kept_however_small_its_score() -> None:
    near, by_words = candidate(0.6, 0.1, 0.1), candidate(0.1, 0.5, 0.3)

    assert _fitting([(near, 0.9), (by_words, 0.5)], SearchSettings()) == [
        (near, 0.9),
        (by_words, 0.5),
    ]


def test_a_loose_search_asks_whether_one_of_the_first_ten_fits() -> None:
    loose = SearchSettings(strict=False)
    far, near = (candidate(0.1, 1.0, 0.1), 0.2), (candidate(0.6, 1.0, 0.1), 0.1)

    assert _fitting([*[far] * 10, near], loose) == []
    assert _fitting([*[far] * 9, near], loose) == [*[far] * 9, near]
    assert _fitting([*[far] * 10, near], SearchSettings()) == [far, near]


@pytest.mark.parametrize(
    ("dense", "coverage", "named", "fits"),
    [
        (0.2, 0.0, 0.0, True),
        (0.19, 0.0, 0.0, False),
        (0.0, 0.5, 0.0, True),
        (0.0, 0.49, 0.0, False),
        (0.0, 0.0, IN_TEXT, True),
    ],
)
def test_a_passage_fits_from_each_border_on(
    dense: float, coverage: float, named: float, fits: bool
) -> None:
    passage = candidate(dense, 1.0, coverage, named)

    assert bool(_fitting([(passage, 0.5)], SearchSettings())) is fits
