"""German compounds are found by their parts, and looked for by them, with no dictionary but the collection's own words."""

from pathlib import Path

import pytest

from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.language.compounds import Compounds
from retrieval.search.search import SearchSettings

WORDS_ONLY = SearchSettings(dense=False)
TEXTS = {
    "schluessel.txt": "Der Bootshausschlüssel hängt im Büro neben der Uhr und wird am Abend gezählt.",
    "kasse.txt": "Die Mitgliedsbeiträge werden im Frühjahr von der Kassenwartin eingezogen und verbucht.",
    "kasten.txt": "Ein Kasten für die Werkzeuge steht im Keller, und wer etwas nimmt, schreibt es auf.",
    "post.txt": "Die Briefe werden am Morgen geholt und vor dem Mittag an alle im Haus verteilt.",
}


@pytest.fixture
def collection(workspace: Workspace, tmp_path: Path, hashing: TextEmbedder) -> Collection:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    created = Collection.open_or_create(workspace, "c", hashing)
    created.ingest([folder])
    return created


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("Wo ist der Schlüssel?", "schluessel.txt"),
        ("Wer hat den Beitrag?", "kasse.txt"),
        ("Beiträge der Mitglieder", "kasse.txt"),
        ("Werkzeugkasten", "kasten.txt"),
    ],
)
def test_a_compound_is_found_by_a_part_and_by_its_parts(
    collection: Collection, question: str, document: str
) -> None:
    passages = collection.search(question, settings=WORDS_ONLY)

    assert [passage.chunk.document for passage in passages][:1] == [document]


def test_a_short_part_counts_only_beside_one_that_is_known() -> None:
    compounds = Compounds(["bootshaus", "reisekost"], {"haus", "boot"}.__contains__)

    assert compounds.made_with("boot") == ["bootshaus"]
    assert compounds.made_with("haus") == ["bootshaus"]
    assert compounds.made_with("reis") == []
    assert compounds.parts("bootshaus") == ("boot", "haus")
    assert compounds.parts("reisekost") is None
