"""all-MiniLM-L6-v2 in fp32 by transformers: the vectors that the model was published with, and the path on a GPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from adapt.embedding.encoders.batches import Vectors
from adapt.embedding.encoders.bert_graph import WIDTH
from adapt.embedding.encoders.minilm import WordPieces, padded

BATCH = 32  # texts of like length in one forward pass, as sentence-transformers has it; 16 to 64 measure the same


def has_gpu() -> bool:
    """Return whether torch sees a GPU."""
    return torch.cuda.is_available()


class TorchMiniLm(WordPieces):
    """The encoder: word pieces, BERT, mean over the tokens, length 1."""

    def __init__(self, folder: Path) -> None:
        """Read tokenizer and weights of a folder, onto the GPU where there is one."""
        from transformers import AutoModel  # only who reads the weights pays for it

        super().__init__(folder)
        self._device = "cuda" if has_gpu() else "cpu"
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model = model.to(self._device).eval()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape [n, 384]."""
        rows = self.ids(texts)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        vectors = np.empty((len(rows), WIDTH), np.float32)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors[batch] = self._encode([rows[place] for place in batch])
        return vectors

    def _encode(self, rows: Sequence[Sequence[int]]) -> Vectors:
        tokens, kept = padded(rows)
        ids = torch.from_numpy(tokens).long().to(self._device)
        mask = torch.from_numpy(kept).long().to(self._device)
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(-1).to(states.dtype)
            mean = (states * weights).sum(1) / weights.sum(1)
            unit = torch.nn.functional.normalize(mean.float(), dim=1)
        vectors: Vectors = unit.cpu().numpy()
        return vectors
