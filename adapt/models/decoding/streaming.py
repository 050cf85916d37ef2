"""An answer on its way: each finished piece of text handed on, and generation ended when somebody asks."""

import threading
from collections.abc import Callable

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria, TextStreamer


class TextCallback(TextStreamer):
    """Hands each finished piece of text on."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Pass a piece of text on; the end brings what was still held back."""
        if text:
            self._on_text(text)


class StopOnEvent(StoppingCriteria):
    """Ends generation when an event is set."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object
    ) -> torch.BoolTensor:
        """Return one flag per sequence, shape [batch]."""
        flags = torch.full((input_ids.shape[0],), self._event.is_set(), device=input_ids.device)
        return flags.bool()  # type: ignore[return-value]  # torch types bool() as Tensor
