"""`ModelRuntime`: one base model resident, adapters attached to it and switched per answer, streamed generation, stop.

Not here: how a base is loaded (`adapt.models.loading`), which base a name means (`adapt.registry.bases.find`), what goes
into a prompt (`adapt.chat.prompt`), training (`finetune`).
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel
from transformers import LogitsProcessorList, PreTrainedModel, StoppingCriteriaList

from adapt.errors import ModelError
from adapt.models.attached import AttachedAdapters
from adapt.models.choice.opening import Opening
from adapt.models.decoding.candidates import split_words
from adapt.models.decoding.streaming import StopOnEvent, TextCallback
from adapt.models.loading import LARGE_PARAMETERS, load_base
from adapt.models.rendering import encode, render
from adapt.records import Abilities, Grounding, Message
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import STARTER, Base
from adapt.workspace.settings import Settings


class GenerationSettings(Settings):
    """Section `[generation]`."""

    max_new_tokens: int = 200  # 160 cut 15 of 398 sentences of Wikipedia that answer a question
    temperature: float = 0.0  # 0 is greedy: the same question gets the same answer
    grounding: Literal["model", "off", "auto", "sentences", "quotes"] = (
        "model"  # what the model's folder asks for
    )


class ModelRuntime:
    """A resident base with any number of attached adapters; one generation at a time, callers wait their turn."""

    def __init__(self, base: Base, settings: GenerationSettings | None = None) -> None:
        self.base = base
        self.settings = settings or GenerationSettings()
        self._model, self.tokenizer = load_base(base)
        self._adapters = AttachedAdapters(self._model, base.id)

    @property
    def context_length(self) -> int:
        """Return how many tokens prompt and answer may have together."""
        config = self._model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2048)

    @property
    def adapters(self) -> list[str]:
        """Return the names of the attached adapters."""
        return self._adapters.names

    def attach_artifact(self, artifact: Artifact) -> str:
        """Attach a published adapter under its `name@version` and return that.

        Raises:
            ModelError: it is not an adapter, or it was trained on another base.
        """
        card = artifact.card
        if card.kind != "adapter":
            raise ModelError(f"{artifact.reference} is a {card.kind}, not an adapter")
        if card.base is not None and card.base.sha256 != self.base.sha256:
            raise ModelError(
                f"adapter {artifact.reference} was trained on base '{card.base.id}', not on "
                f"'{self.base.id}'; use it with --base {card.base.id}"
            )
        self.attach(artifact.reference, artifact.path)
        return artifact.reference

    def attach(self, name: str, folder: Path) -> None:
        """Attach a LoRA adapter folder under a name; again under the same name is a no-op for the same folder.

        Raises:
            ModelError: the folder is no adapter in safetensors, it is damaged, or it does not fit the base.
        """
        self._adapters.attach(name, folder)

    def active(self, adapter: str | None) -> AbstractContextManager[PreTrainedModel | PeftModel]:
        """Return a context of the model with one adapter, or none, switched on; others wait."""
        return self._adapters.active(adapter)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length in tokens of the prompt that these messages make."""
        return len(
            encode(self.tokenizer, render(self.tokenizer, messages, add_generation_prompt=True))
        )

    def generate(
        self,
        messages: Sequence[Message],
        *,
        adapter: str | None = None,
        on_text: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
        max_new_tokens: int | None = None,
        grounding: Grounding | None = None,
    ) -> str:
        """Continue a conversation and return the answer; `on_text` gets it piece by piece as it comes.

        Args:
            grounding: what the answer may quote; whether it is restricted to that, and how, say the settings.

        Raises:
            ModelError: the prompt leaves no room for an answer, or its passages cannot hold the answer.
        """
        ids = self._encode(messages)
        room = self.context_length - len(ids)
        if room < 1:
            raise ModelError(
                f"the prompt has {len(ids)} tokens and '{self.base.id}' reads {self.context_length}; shorten it"
            )
        limit = min(max_new_tokens or self.settings.max_new_tokens, room)
        opening = self._open(messages, ids, grounding, adapter)
        begun, opening_text = self._begin(opening.text, limit)
        if on_text is not None:
            for piece in split_words(opening_text):
                on_text(piece)
        left = limit - len(begun)
        if opening.way == "complete" or left < 1 or (begun and stop is not None and stop.is_set()):
            return opening_text
        way = "sentences" if opening.way in ("begun", "call") else self.grounding_way
        inputs = torch.tensor([[*ids, *begun]])
        output = self._run(
            inputs,
            torch.ones_like(inputs),
            adapter,
            left,
            streamer=TextCallback(self.tokenizer, on_text) if on_text else None,
            stopping_criteria=StoppingCriteriaList([StopOnEvent(stop)] if stop else []),
            logits_processor=None
            if opening.way == "free"
            else self._constraint(grounding, len(ids), way),
        )
        text = self.tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True)
        return str(text).strip()

    def _open(
        self,
        messages: Sequence[Message],
        ids: Sequence[int],
        grounding: Grounding | None,
        adapter: str | None,
    ) -> Opening:
        """Return how an answer begins: where it is restricted to sentences, the one that is chosen for it."""
        if grounding is None or self.grounding_way not in ("auto", "sentences"):
            return Opening("grounded")
        # imported here: only grounded answers need the embedders and their libraries
        from adapt.models.choice.answering import Answering
        from adapt.models.choice.chooser import load_chooser

        question = grounding.question or messages[-1].content
        with self.active(
            None
        ) as model:  # an adapter has a task of its own; what it reads best, its base knows
            answering = Answering(
                model,
                self.tokenizer,
                load_chooser(),
                own=self.knows_prompts,
                adapted=adapter is not None,
            )
            return answering.open(question, ids, grounding, way=self.grounding_way)

    def _begin(self, text: str, limit: int) -> tuple[list[int], str]:
        """Return the tokens of what an answer begins with, and its text, as much as it may have."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        if len(ids) <= limit:
            return ids, text
        return ids[:limit], str(self.tokenizer.decode(ids[:limit], skip_special_tokens=True))

    @property
    def grounding_way(self) -> str:
        """Return how answers over passages are restricted to them: `off`, `auto`, `sentences` or `quotes`.

        Where the settings leave it to the model, its `config.json` says it, as the starter's does:
        `{"adapt": {"grounding": "auto"}}`.
        """
        if self.settings.grounding != "model":
            return self.settings.grounding
        way = self._asked.get("grounding")
        return way if way in ("auto", "sentences", "quotes") else "off"

    @property
    def knows_prompts(self) -> bool:
        """Return whether it was trained on Adapt's own prompts, as the starter was, and wants their form as it is."""
        return bool(self._asked)

    @property
    def abilities(self) -> Abilities:
        """Return what it can do besides going on with text."""
        large = self._model.num_parameters() > LARGE_PARAMETERS
        return Abilities(
            rewrites=large and not self.knows_prompts,
            knows_facts=self.base.path != STARTER,
            reads_whole=self.knows_prompts,
        )

    @property
    def _asked(self) -> dict[str, Any]:
        """Return what the model's `config.json` says to Adapt."""
        asked = getattr(self._model.config, "adapt", None)
        return asked if isinstance(asked, dict) else {}

    def _constraint(
        self, grounding: Grounding | None, prompt_length: int, way: str
    ) -> LogitsProcessorList | None:
        """Return what restricts an answer to its passages in a way; None where nothing does."""
        if grounding is None or way == "off":
            return None
        if way == "quotes" and not (grounding.passages or grounding.uncited):
            return None  # nothing to quote
        from adapt.models.decoding.grounding import GroundedLogits

        processor = GroundedLogits(grounding, self.tokenizer, way=way, prompt_length=prompt_length)
        return LogitsProcessorList([processor])

    def generate_batch(
        self,
        prompts: Sequence[Sequence[Message]],
        *,
        adapter: str | None = None,
        max_new_tokens: int = 64,
        on_batch: Callable[[int], None] | None = None,
        batch_size: int = 32,
    ) -> list[str]:
        """Return the greedy answer to each prompt, in order; `on_batch` gets the number of prompts done.

        Prompts longer than the context keep their end.
        """
        encoded = [
            self._encode(messages)[-(self.context_length - max_new_tokens) :]
            for messages in prompts
        ]
        by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
        answers = [""] * len(encoded)
        for start in range(0, len(by_length), batch_size):
            indices = by_length[start : start + batch_size]
            width = max(len(encoded[i]) for i in indices)
            pad = int(self.tokenizer.pad_token_id)
            rows = [[pad] * (width - len(encoded[i])) + encoded[i] for i in indices]
            mask = [[0] * (width - len(encoded[i])) + [1] * len(encoded[i]) for i in indices]
            output = self._run(torch.tensor(rows), torch.tensor(mask), adapter, max_new_tokens)
            for row, index in zip(output, indices, strict=True):
                text = self.tokenizer.decode(row[width:], skip_special_tokens=True)
                answers[index] = str(text).strip()
            if on_batch:
                on_batch(start + len(indices))
        return answers

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        return encode(self.tokenizer, render(self.tokenizer, messages, add_generation_prompt=True))

    def _run(
        self,
        inputs: torch.Tensor,
        mask: torch.Tensor,
        adapter: str | None,
        max_new_tokens: int,
        **watchers: Any,
    ) -> torch.Tensor:
        """Run `generate` on token ids of shape [batch, length]; greedy for batches and at temperature 0.

        `watchers` are the streamer, the stopping criteria and the logits processors of a single answer.
        """
        sample = self.settings.temperature > 0 and inputs.shape[0] == 1 and bool(watchers)
        ends = {int(self.tokenizer.eos_token_id)}
        configured = self._model.generation_config.eos_token_id
        ends |= set(configured) if isinstance(configured, list) else {configured or 0} - {0}
        with self.active(adapter) as model:
            generate: Any = model.generate
            output = generate(
                input_ids=inputs.to(self._model.device),
                attention_mask=mask.to(self._model.device),
                max_new_tokens=max_new_tokens,
                do_sample=sample,
                temperature=self.settings.temperature if sample else None,
                top_p=None,
                top_k=None,
                eos_token_id=sorted(ends),
                pad_token_id=int(self.tokenizer.pad_token_id),
                **watchers,
            )
        return torch.as_tensor(output).cpu()
