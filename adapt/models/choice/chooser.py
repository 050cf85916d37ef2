"""Chooses among candidates: the evidence for each, weighted, and how likely the best is to answer.

The weights are fitted on training sets (`adapt.starter.choosing`), for questions in English and in Spanish each, with the
likelihoods of the shipped starter. Another model's likelihood counts by itself: it is added to the evidence, so that
it decides where it is surer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from adapt.embedding.shipped import shared_e5, shared_minilm, shared_muse
from adapt.models.choice.evidence import EVIDENCE, FOREIGN, MODEL_FIGURES, Evidence, Figures
from adapt.models.choice.likelihood import Likelihoods
from adapt.models.choice.match import MatchHead, TokenMatch
from adapt.models.choice.wording.languages import asked_in
from adapt.models.choice.wording.sameness import same_question
from adapt.models.decoding.candidates import Candidate

WEIGHTS = Path(__file__).parent / "weights.json"
SHORTLIST = 24  # candidates that the model's likelihood is asked of
OTHER_MODEL = {"chosen": 1.0, "free": 0.0}  # log-odds of another model, as they are

Measure = Callable[[Sequence[Candidate]], Likelihoods]


class LanguageWeights(BaseModel):
    """The weights for questions of one language: of the choice, and of whether the best one answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: dict[str, float]
    answered: dict[str, float]
    bias: float


class Weights(BaseModel):
    """The file of weights: by the question's language, and what they were fitted on, each file by its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: dict[str, LanguageWeights]
    data: dict[str, str]
    seed: int
    # share right on the rows of the fit, by heads that had not learned from their articles
    right: dict[str, float]


@dataclass(frozen=True)
class Choice:
    """The best candidate, and how far it seems to answer: 0 to 1, the border at 0.5."""

    best: Candidate
    answered: float


class Chooser:
    """Weighs the evidence; safe to share between threads."""

    def __init__(self, evidence: Evidence, weights: Weights) -> None:
        self._evidence = evidence
        self._weights = weights

    def choose(
        self,
        question: str,
        candidates: Sequence[Candidate],
        measure: Measure | None = None,
        *,
        own: bool = True,
    ) -> Choice:
        """Return the best of some candidates.

        Args:
            measure: gives what the answering model makes of candidates; None leaves it out. Of many candidates only those
                are measured that the other evidence favours most, and one of them is chosen.
            own: that model is the starter, whose likelihoods the weights were fitted with.

        Raises:
            ValueError: there is no candidate.
        """
        if not candidates:
            raise ValueError("nothing to choose from")
        weights = self._weights.asked[
            asked_in(question, (candidate.reading for candidate in candidates))
        ]
        figures = self._evidence.gather(question, candidates)
        evidence = _weighed(figures, weights.choice)
        places = np.sort(np.argsort(-evidence, kind="stable")[:SHORTLIST])
        scores = evidence[places]
        if measure is not None:
            likely = measure([candidates[place] for place in places])
            model = _starter(weights, figures[places]) if own else OTHER_MODEL
            for name, values in zip(MODEL_FIGURES, (likely.chosen, likely.free), strict=True):
                scores = scores + model.get(name, 0.0) * np.array(values)
        best = int(places[int(scores.argmax())])
        return Choice(candidates[best], _answered(weights, figures[best], float(evidence[best])))

    def correction(self, question: str, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return the first correction that was given for this very question, however it was worded; None for none."""
        given = [
            candidate
            for candidate in candidates
            if candidate.kind == "correction" and candidate.context
        ]
        near = (
            self._evidence.likeness(question, [candidate.context for candidate in given])
            if given
            else []
        )
        meant = [
            candidate
            for candidate, like in zip(given, near, strict=True)
            if same_question(question, candidate.context, like)
        ]
        return meant[0] if meant else None


def _starter(weights: LanguageWeights, figures: Figures) -> dict[str, float]:
    """Return what the starter's likelihoods weigh: nothing where passages are in another language than the question."""
    if figures[:, FOREIGN].any():
        return {}
    return {name: weights.choice.get(name, 0.0) for name in MODEL_FIGURES}


def _weighed(figures: Figures, weights: Mapping[str, float]) -> Figures:
    """Return what figures, [n, features], come to, shape [n]."""
    total: Figures = figures @ np.array([weights.get(name, 0.0) for name in EVIDENCE])
    return total


def _answered(weights: LanguageWeights, figures: Figures, score: float) -> float:
    """Return how far a candidate seems to answer, by its figures and its score without the model's likelihood."""
    known = {"score": score, **dict(zip(EVIDENCE, map(float, figures), strict=True))}
    sure = weights.bias + sum(weight * known[name] for name, weight in weights.answered.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, sure))))


def load_weights(path: Path = WEIGHTS) -> Weights:
    """Return the weights that are shipped."""
    return Weights.model_validate_json(path.read_bytes())


@cache
def load_chooser() -> Chooser:
    """Return the chooser of this process, with the shipped embedders.

    Raises:
        ModelError: an embedder's package is not installed, or its weights are not those that it shipped with.
    """
    match = TokenMatch(shared_minilm(), MatchHead.load())
    return Chooser(Evidence(match, shared_muse(), shared_e5()), load_weights())
