"""Chunks come back from a segment's files as they went in."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from retrieval.index.texts import STRINGS, TABLE, ChunkTexts, TextWriter

ANY = st.text(max_size=40)
SMALL = st.integers(0, 2**31 - 1)
CHUNKS = st.builds(
    Chunk,
    chunk_id=ANY,
    document=ANY,
    revision=ANY,
    text=ANY,
    page=st.none() | SMALL,
    heading=ANY,
    start=SMALL,
    end=SMALL,
    language=st.sampled_from(["", "en", "es"]),
    part=SMALL,
)


def written(folder: Path, chunks: list[Chunk]) -> ChunkTexts:
    writer = TextWriter()
    writer.add(chunks[:1])
    writer.add(chunks[1:])
    writer.save(folder)
    return ChunkTexts(folder)


@given(st.lists(CHUNKS, min_size=1, max_size=8))
def test_every_field_of_a_chunk_comes_back(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[Chunk]
) -> None:
    texts = written(tmp_path_factory.mktemp("texts"), chunks)

    assert len(texts) == len(chunks)
    assert [texts.get(row) for row in range(len(chunks))] == chunks


def test_a_text_with_half_a_sign_comes_back(tmp_path: Path) -> None:
    chunk = Chunk("k-00000", "a.txt", "1", "broken \ud83d sign")

    assert written(tmp_path, [chunk]).get(0) == chunk


@pytest.mark.parametrize("name", [STRINGS, TABLE])
@pytest.mark.parametrize("left", [0, 30])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, name: str, left: int) -> None:
    written(tmp_path, [Chunk("k-00000", "a.txt", "1", "a text that is longer than thirty signs")])
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:left])

    with pytest.raises(WorkspaceError, match="ingest the documents into a new collection"):
        ChunkTexts(tmp_path)
