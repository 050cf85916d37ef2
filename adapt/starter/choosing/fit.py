"""Fits the weight of each figure of `adapt.models.choice.evidence`, and how likely the best candidate is to answer.

What weighs for a candidate: scikit-learn's logistic regression on the differences between the right candidate and each
other one of its question (pairs of one question weigh one together). Whether there is an answer: the same on the figures
of the best.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from adapt.models.choice.evidence import EVIDENCE, MODEL_FIGURES, Figures
from adapt.models.choice.wording.languages import Language

DENIED = 0.01  # of the questions of the fit with an answer; people ask in words that are further from their documents
RIDGE = 0.1  # scikit-learn's C, of standardised figures
HARDLY = 0.01  # of the rows; chance makes twice that of 300
LIKELY = (0.0, 0.02, 0.04, 0.08, 0.12, 0.18)  # per nat
FEATURES = (*EVIDENCE, *MODEL_FIGURES)


@dataclass(frozen=True)
class Row:
    """One question's figures, [candidates, features], which candidate answers (None where none does), what it weighs."""

    figures: Figures
    right: int | None
    asked_in: Language
    source: str
    article: str
    weight: float = 1.0


def fit_choice(rows: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    """Return the weights of some figures under which the right candidates are best; the others weigh nothing."""
    fitted = _pairwise(rows, [FEATURES.index(name) for name in names])
    return dict(zip(names, map(float, fitted), strict=True))


def _pairwise(rows: Sequence[Row], columns: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the weights of some columns by logistic regression on differences."""
    columns = list(columns)
    answered = [row for row in rows if row.right is not None and len(row.figures) > 1]
    spread = np.mean([row.figures[:, columns].std(axis=0) for row in answered], axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    gaps, shares = [], []
    for row in answered:
        figures = row.figures[:, columns] / spread
        is_right = np.arange(len(figures)) == row.right
        others = figures[~is_right]
        gaps.append(figures[is_right] - others)
        shares.append(np.full(len(others), row.weight / len(others)))
    gap, share = np.concatenate(gaps), np.concatenate(shares)
    model = LogisticRegression(C=RIDGE, fit_intercept=False, max_iter=1_000)
    model.fit(np.concatenate([gap, -gap]), np.repeat([1, 0], len(gap)), np.tile(share, 2))
    weights: npt.NDArray[np.float64] = model.coef_[0] / spread
    return weights


def fit_model(rows: Sequence[Row], weights: dict[str, float]) -> dict[str, float]:
    """Return what the model's likelihood weighs beside the evidence, whose score keeps its weight of 1.

    Of `LIKELY` the largest under which hardly fewer rows are right than under the best: a fit by pairs gives it two to three
    times as much, and then fewer are.
    """
    shares = [share_right(rows, {**weights, MODEL_FIGURES[0]: weight}) for weight in LIKELY]
    enough = max(shares) - HARDLY
    largest = max(weight for weight, share in zip(LIKELY, shares, strict=True) if share >= enough)
    return {MODEL_FIGURES[0]: largest}


def scores_of(row: Row, weights: dict[str, float]) -> npt.NDArray[np.float64]:
    """Return the score of each candidate of a row."""
    known = np.array([weights.get(name, 0.0) for name in FEATURES])
    scores: npt.NDArray[np.float64] = row.figures @ known
    return scores


def share_right(rows: Sequence[Row], weights: dict[str, float]) -> float:
    """Return in which share of the answered rows the right candidate is best."""
    is_right = [
        int(scores_of(row, weights).argmax()) == row.right for row in rows if row.right is not None
    ]
    return float(np.mean(is_right))


def fit_answered(
    rows: Sequence[Row], weights: dict[str, float], names: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Return weights and bias by which the best candidate's figures separate rows with an answer from those without.

    `score`, the best candidate's own, is one of the figures; both sides weigh the same. The border (log-odds of 0) is where
    `DENIED` of the rows with an answer lie below.
    """
    features, labels = [], []
    for row in rows:
        features.append(best_figures(row.figures, scores_of(row, weights), names))
        labels.append(row.right is not None)
    array = np.array(features)
    spread = array.std(axis=0) + 1e-9
    model = LogisticRegression(C=RIDGE, max_iter=1_000, class_weight="balanced")
    model.fit((array - array.mean(axis=0)) / spread, labels)
    coefficients = model.coef_[0] / spread
    sure = array @ coefficients
    bias = -float(np.quantile(sure[np.array(labels)], DENIED))
    return dict(zip(("score", *names), map(float, coefficients), strict=True)), bias


def best_figures(
    figures: Figures, scores: npt.NDArray[np.float64], names: Sequence[str]
) -> list[float]:
    """Return the score of the best candidate and some of its figures."""
    best = int(scores.argmax())
    return [float(scores[best]), *(float(figures[best, FEATURES.index(name)]) for name in names)]
