"""Documents, chunks and collections in llama-index: its own readers, pipelines and query engines work with ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from llama_index.core import Document as IndexDocument, SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, NodeRelationship

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import DataError
from adapt.protocols import TextEmbedder
from adapt.records import Document, Page
from adapt.workspace.folder import Workspace
from retrieval.chunks.cut import ChunkSettings, chunk
from retrieval.collections.collection import Collection
from retrieval.collections.owner import remove
from retrieval.collections.texts import add
from retrieval.llamaindex.node_parser import ChunkParser
from retrieval.llamaindex.nodes import to_chunk, to_documents, to_pages
from retrieval.llamaindex.reader import FileReader
from retrieval.llamaindex.retriever import CollectionRetriever

pytestmark = pytest.mark.slow

PARAGRAPH = "The north door of hall seven opens at nine. Whoever comes later rings twice. " * 12
BOOK = Document(
    "halls/book.md",
    "ab" * 32,
    (
        Page(f"# Halls\n\n## North\n\n{PARAGRAPH}\n\n{PARAGRAPH}", 1, form="markdown"),
        Page("", 2, form="markdown"),
        Page(f"## South\n\n| door | opens |\n|---|---|\n| 7 | nine |\n\n{PARAGRAPH}", 3, "Annex"),
    ),
    title="Halls",
    warnings=("page 2 is empty",),
)


@pytest.fixture
def collection(workspace: Workspace, handbook: Path, hashing: TextEmbedder) -> Collection:
    """Return a collection of the handbook."""
    created = Collection.open_or_create(workspace, "handbook", hashing)
    created.ingest([handbook])
    return created


def test_a_document_that_went_through_llama_index_is_the_same() -> None:
    assert to_documents(to_pages(BOOK)) == [BOOK]


def test_nodes_are_the_chunks_of_the_cutter_and_spans_of_their_pages() -> None:
    embedder, settings = HashEmbedder(), ChunkSettings(tokens=40, overlap=8)
    pages = to_pages(BOOK)

    nodes = ChunkParser.of(embedder, settings).get_nodes_from_documents(pages)

    expected = chunk(BOOK, settings, count_tokens=embedder.count_tokens)
    assert [to_chunk(node) for node in nodes] == expected
    assert len(nodes) > 5
    by_id = {page.id_: page.text for page in pages}
    for node in nodes:
        assert by_id[node.ref_doc_id or ""][node.start_char_idx : node.end_char_idx] == node.text
    assert {node.metadata["page"] for node in nodes} == {1, 3}


def test_a_node_knows_its_neighbours_on_its_page_unless_that_is_not_wanted() -> None:
    pages = to_pages(BOOK)
    settings = ChunkSettings(tokens=40, overlap=8)

    nodes = ChunkParser.of(HashEmbedder(), settings).get_nodes_from_documents(pages)
    bare = ChunkParser.of(
        HashEmbedder(), settings, include_prev_next_rel=False
    ).get_nodes_from_documents(pages)

    following = nodes[0].relationships[NodeRelationship.NEXT]
    assert following.node_id == nodes[1].node_id
    assert all(NodeRelationship.NEXT not in node.relationships for node in bare)
    assert [node.node_id for node in bare] == [node.node_id for node in nodes]


def test_a_node_is_embedded_with_its_heading_and_nothing_else() -> None:
    [*_, last] = ChunkParser.of(HashEmbedder()).get_nodes_from_documents(to_pages(BOOK))

    assert last.metadata["heading"]
    embedded = last.get_content(MetadataMode.EMBED)
    assert embedded == f"{last.metadata['heading']}\n{last.text}"


def test_a_pipeline_of_llama_index_cuts_by_it_and_keeps_what_a_page_has_besides() -> None:
    page = IndexDocument(text=PARAGRAPH, metadata={"file_name": "hall.txt", "author": "Ada"})

    nodes = IngestionPipeline(transformations=[ChunkParser.of(HashEmbedder())]).run(
        documents=[page]
    )

    assert {node.metadata["author"] for node in nodes} == {"Ada"}
    assert {node.metadata["document"] for node in nodes} == {"hall.txt"}


def test_two_ways_to_cut_have_two_places_in_a_pipelines_cache() -> None:
    small = ChunkParser.of(HashEmbedder(), ChunkSettings(tokens=40)).to_dict()
    other = ChunkParser.of(HashEmbedder(), ChunkSettings(tokens=60)).to_dict()

    assert small != other
    assert small["embedder"] == HashEmbedder().identity


def test_the_reader_gives_pages_and_a_directory_reader_uses_it(handbook: Path) -> None:
    reader = FileReader()

    pages = reader.load_data(handbook / "expenses.pdf")
    extractor = dict.fromkeys((".pdf", ".md", ".html"), reader)
    every = SimpleDirectoryReader(str(handbook), file_extractor=extractor).load_data()

    assert [page.metadata["page"] for page in pages] == [1, 2]
    assert "Receipts for meals" in pages[1].text
    assert {page.metadata["file_name"] for page in every} == {
        *("expenses.pdf", "hours.txt", "leave.md", "travel.html"),
    }
    [travel] = [page for page in every if page.metadata["file_name"] == "travel.html"]
    assert "alert" not in travel.text


def test_what_the_sandbox_refuses_is_raised_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")

    with pytest.raises(DataError, match=r"broken\.pdf"):
        FileReader().load_data(tmp_path / "broken.pdf")


def test_the_retriever_gives_what_a_search_gives(collection: Collection) -> None:
    question = "How many days of holiday has an employee?"

    nodes = CollectionRetriever(collection, top_k=2).retrieve(question)

    expected = collection.search(question, top_k=2)
    assert [(to_chunk(scored.node), scored.score) for scored in nodes] == [
        (passage.chunk, passage.score) for passage in expected
    ]
    assert nodes


def test_a_query_engine_of_llama_index_answers_from_a_collection(collection: Collection) -> None:
    engine = RetrieverQueryEngine.from_args(CollectionRetriever(collection), llm=MockLLM())

    answer = engine.query("How many days of holiday has an employee?")

    assert "23 days of holiday" in str(answer)  # a mock model repeats its prompt
    assert answer.source_nodes[0].metadata["document"] == "leave.md"


def test_documents_of_a_directory_reader_become_a_collection(
    workspace: Workspace, handbook: Path, hashing: TextEmbedder
) -> None:
    (handbook / "expenses.pdf").unlink()  # the library's own reader of PDF is a package of its own
    collection = Collection.open_or_create(workspace, "read", hashing)

    report = add(collection, to_documents(SimpleDirectoryReader(str(handbook)).load_data()))

    assert sorted(report.added) == ["hours.txt", "leave.md", "travel.html"]
    assert collection.search("When does the office open?")[0].chunk.document == "hours.txt"
    assert collection.file_of("hours.txt") is None


def texts(*pairs: tuple[str, str]) -> list[Document]:
    return to_documents(
        IndexDocument(text=text, metadata={"document": name}) for name, text in pairs
    )


def test_a_text_that_is_the_same_is_left_and_one_that_changed_takes_its_place(
    workspace: Workspace, hashing: TextEmbedder
) -> None:
    collection = Collection.open_or_create(workspace, "c", hashing)
    add(collection, texts(("a", "The gate is green."), ("b", "The wall is white.")))

    report = add(collection, texts(("a", "The gate is green."), ("b", "The wall is black.")))

    assert (report.added, report.changed, report.unchanged) == ([], ["b"], ["a"])
    passage_texts = [passage.chunk.text for passage in collection.search("the wall")]
    assert "The wall is black." in passage_texts
    assert "The wall is white." not in passage_texts


def test_files_and_texts_live_beside_each_other_and_neither_takes_the_others_name(
    workspace: Workspace, handbook: Path, hashing: TextEmbedder
) -> None:
    collection = Collection.open_or_create(workspace, "c", hashing)
    collection.ingest([handbook])
    add(collection, texts(("note", "The gate is green.")))

    (handbook / "note").write_text("Another gate.")
    taken = collection.ingest([handbook], prune=True)
    refused = add(collection, texts(("leave.md", "No leave."), ("more", "The wall is white.")))

    assert [name for name, _ in taken.failed] == ["note"]
    assert "a text without a file" in taken.failed[0][1]
    assert [name for name, _ in refused.failed] == ["leave.md"]
    assert "note" in collection.documents()
    remove(collection, "note")
    assert "note" not in collection.documents()


def test_texts_of_nothing_are_refused(workspace: Workspace, hashing: TextEmbedder) -> None:
    collection = Collection.open_or_create(workspace, "c", hashing)

    with pytest.raises(DataError, match="blank: holds no text"):
        add(collection, texts(("blank", " \n")))
    assert not collection.exists


def test_two_documents_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match=r"two documents are called 'a'"):
        texts(("a", "one"), ("b", "two"), ("a", "three"))


def test_a_search_imports_neither_llama_index_nor_chroma() -> None:
    code = (
        "import sys, retrieval.collections.collection, retrieval.prompt.source\n"
        "print([name for name in ('llama_index', 'chromadb', 'torch') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
