"""Questions read beside passages by the shipped starter: how much likelier a passage makes the question.

It tells whether passages are about a question where the similarity of whole texts does not. Not here: what is made of it
(`retrieval.relevance`), whose figures hold for these weights alone.
"""

import threading
from collections.abc import Sequence
from functools import cached_property

import torch

from adapt.bases import find_base
from adapt.models import ModelRuntime
from adapt.workspace import Workspace

READ = 300  # tokens of a passage that the starter reads


class ShippedReader:
    """The starter, loaded at first use."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.RLock()

    def information(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return for each text log P(question | text) - log P(question) under the starter, in nats."""
        with self._lock:
            alone = self._log_likelihood(question, "")
            return [self._log_likelihood(question, text) - alone for text in texts]

    def _log_likelihood(self, question: str, before: str) -> float:
        """Return the log-likelihood of a question's tokens after a text, in nats."""
        runtime = self._starter
        asked = self._tokens(f" {question}")
        read = [int(runtime.tokenizer.eos_token_id), *self._tokens(before)[:READ]]
        whole = [*read, *asked][: runtime.context_length]
        with runtime.active(None) as model:
            ids = torch.tensor([whole], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, len(read) - 1 : -1]
            said = logits.float().log_softmax(-1).gather(1, ids[0, len(read) :, None])
        return float(said.sum())

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._starter.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    @cached_property
    def _starter(self) -> ModelRuntime:
        return ModelRuntime(find_base("starter", self._workspace))
