"""How an answer over passages begins: with what was chosen, with a refusal, as decoding held by a grammar, or freely.

Not here: the choice itself (`adapt.models.choice.chooser`), the grammar (`adapt.models.decoding.grounding`), streaming
(`adapt.models.runtime`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from adapt.models.choice.chooser import Chooser
from adapt.models.choice.knowledge import asks_for_fact
from adapt.models.choice.likelihood import Likelihoods, likelihoods
from adapt.models.choice.opening import Opening
from adapt.models.choice.wording.languages import language_of
from adapt.models.decoding.candidates import Candidate, cite, find_candidates
from adapt.models.decoding.grounding import REFUSALS
from adapt.records import Grounding

BORDER = 0.5  # how far the best candidate must seem to answer
# and where the search doubts that the passages hold the answer: with earlier weights it fixed 5 of 60 development questions
# and spoiled 1; not chosen again since
SURE = 0.6
CALL = '{"name": "'  # how every call of a tool begins (`adapt.models.decoding.tools`)


@dataclass(frozen=True)
class Answering:
    """A model with its tokenizer; `own` where it is the starter, whose likelihoods the weights of the choice know."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    chooser: Chooser
    own: bool
    adapted: bool = False  # an adapter answers, which has tasks of its own

    def open(
        self, question: str, prompt: Sequence[int], grounding: Grounding, *, way: str
    ) -> Opening:
        """Return how the answer to a question begins.

        Args:
            prompt: its token ids; the model reads it without an adapter here.
            way: `sentences`, or `auto`: the model may be left free.
        """
        candidates = find_candidates(grounding)
        if not candidates or (grounding.absent and not self.own):
            return Opening("grounded")
        correction = self.chooser.correction(question, candidates) if self.own else None
        if correction is not None:
            return Opening("complete", correction.text)
        measured = _Measured(self, prompt, tools=bool(grounding.tools))
        choice = self.chooser.choose(question, candidates, measured, own=self.own)
        if measured.calls:
            return Opening("call")
        if not self.own:
            return self._of_another(choice.best, measured, way)
        if choice.answered >= (SURE if grounding.absent else BORDER):
            return Opening("complete", cite(choice.best))
        return self._without_answer(question, grounding.absent, way)

    def _without_answer(self, question: str, absent: str, way: str) -> Opening:
        """Return how the starter's answer begins where no candidate seems to answer."""
        if way == "auto" and not absent and (self.adapted or not asks_for_fact(question)):
            return Opening("free")
        return Opening("complete", absent or refusal(question))

    def _of_another(self, best: Candidate, measured: "_Measured", way: str) -> Opening:
        """Return how another model's answer begins: it may refuse, and in `auto` begin with something else."""
        if way == "auto" and not measured.begins_allowed:
            return Opening("free")
        if measured.refuses:
            return Opening("complete", measured.refuses)
        return Opening("begun", best.text)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens as an answer begins with them."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


class _Measured:
    """Measures candidates, and with them what else an answer may be."""

    def __init__(self, answering: Answering, prompt: Sequence[int], *, tools: bool) -> None:
        self._answering = answering
        self._prompt = prompt
        self._others = [*REFUSALS, *([CALL] if tools else [])]
        self.calls = False  # the model would call a tool
        self.refuses = ""  # what it would say that the passages do not say
        self.begins_allowed = True  # it would by itself begin with something that is allowed

    def __call__(self, candidates: Sequence[Candidate]) -> Likelihoods:
        encode = self._answering.encode
        texts = [
            encode(text) for text in (*(candidate.text for candidate in candidates), *self._others)
        ]
        measured = likelihoods(self._answering.model, self._prompt, texts)
        count = len(candidates)
        likeliest = max(range(len(texts)), key=measured.chosen.__getitem__)
        if likeliest >= count:
            other = self._others[likeliest - count]
            self.calls = other == CALL
            self.refuses = "" if self.calls else other
        self.begins_allowed = measured.begins in {ids[0] for ids in texts if ids}
        return Likelihoods(measured.chosen[:count], measured.free[:count], measured.begins)


def refusal(question: str) -> str:
    """Return that the passages do not say, in the language of the question."""
    return REFUSALS[1] if language_of(question) == "es" else REFUSALS[0]
