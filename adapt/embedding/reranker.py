"""`Reranker`: a cross-encoder that reads question and passage together and says how well the one answers the other.

Any one that sentence-transformers opens, a folder or a hub id; safetensors only, and no code of a model repository.
Not here: which passages are reranked (`retrieval.search.search`).
"""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from adapt.errors import ModelError
from adapt.protocols import TextReranker
from adapt.registry.bases.hub import fetch

BATCH = 32
WANTED = ["*.safetensors", "*.json", "*.txt", "*.model"]


class Reranker:
    """A cross-encoder, loaded at first use and from then on shared by all threads."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._model: Any = None
        self._lock = threading.Lock()

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question, larger is better; a text too long for the model is cut.

        Raises:
            ModelError: the model cannot be opened, or does not give one number for a pair.
        """
        if not texts:
            return []
        with self._lock:  # one at a time: a tokenizer is not safe to share
            if self._model is None:
                self._model = _open(self._folder)
            predicted = self._model.predict(
                [(question, text) for text in texts], batch_size=BATCH, show_progress_bar=False
            )
        scores: list[float] = predicted.tolist()
        return scores


@functools.cache
def load_reranker(name: str) -> TextReranker:
    """Return the reranker of that name, the same one each time; its weights are read at first use.

    Args:
        name: a folder, or a hub id (fetched unless `HF_HUB_OFFLINE`).

    Raises:
        ModelError: nothing of that name is here, or it has no safetensors.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        hint = "name a folder or the id of a cross-encoder, or leave it empty"
        folder = fetch(name, WANTED, what="search.rerank:", hint=hint)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"search.rerank: no *.safetensors in {folder}; other weight files can run code and are not read"
        )
    return Reranker(name, folder)


def _open(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder  # 6 s; only who needs it pays

    try:
        model = CrossEncoder(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (
        OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError,
    ) as error:  # fmt: skip
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"search.rerank: sentence-transformers cannot open {folder} ({why}); name a cross-encoder"
        ) from error
    if model.num_labels != 1:
        raise ModelError(
            f"search.rerank: {folder} gives {model.num_labels} numbers for a pair, not one; name a cross-encoder "
            "that was trained to rank"
        )
    return model
