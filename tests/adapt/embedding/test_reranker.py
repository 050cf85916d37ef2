"""A cross-encoder from a folder: a real architecture with random weights, whose order the search must follow."""

import shutil
from pathlib import Path

import pytest

from adapt.embedding.reranker import load_reranker
from adapt.errors import ModelError
from tests.rerankers import make_reranker

QUESTION = "When does the office open?"
TEXTS = ["The office opens at nine.", "Money is returned.", "", "word " * 2_000]


@pytest.mark.slow
def test_scores_are_those_of_the_model_itself(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = make_reranker(tmp_path / "reranker")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pairs = tokenizer(
        [QUESTION] * len(TEXTS),
        TEXTS,
        padding=True,
        truncation=True,
        return_tensors="pt",
        max_length=64,
    )
    with torch.no_grad():
        expected = torch.sigmoid(model.eval()(**pairs).logits[:, 0]).tolist()

    reranker = load_reranker(str(folder))

    assert reranker.score(QUESTION, TEXTS) == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == len(TEXTS)
    assert reranker.score(QUESTION, []) == []
    assert load_reranker(str(folder)) is reranker


@pytest.mark.slow
def test_a_model_that_does_not_rank_is_one_sentence(tmp_path: Path) -> None:
    folder = make_reranker(tmp_path / "classes", labels=3)

    with pytest.raises(ModelError, match="gives 3 numbers for a pair, not one"):
        load_reranker(str(folder)).score(QUESTION, TEXTS)


@pytest.mark.slow
def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    folder = make_reranker(tmp_path / "damaged")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])

    with pytest.raises(ModelError, match=r"cannot open .*damaged"):
        load_reranker(str(folder)).score(QUESTION, TEXTS)


def test_weights_that_can_run_code_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"x")

    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        load_reranker(str(folder))


def test_what_is_no_folder_and_no_model_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("no/such-reranker", str(tmp_path / "gone"), "a b c"):
        with pytest.raises(ModelError, match=r"no such folder, and (the hub did|not the id)"):
            load_reranker(name)
    shutil.rmtree(tmp_path, ignore_errors=True)
