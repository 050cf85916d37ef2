"""Makes `adapt/models/choice/head.safetensors` and `weights.json`: `python -m adapt.starter.choosing --data DIR`.

The head is learned twice on half of the articles each, so that the weights are fitted on figures of articles that it has not
seen, and once on all of them for use. The likelihoods of the starter are weighed on sets that it was not trained on.
Questions from Wikipedia share more words with what answers them than those that people ask of a house's own papers, so the
weights want both: `--everyday FILE`, which `python -m tests.benchmarks.answers.everyday FILE` writes.
"""

import argparse
import functools
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from adapt.embedding.shipped import shared_e5, shared_minilm, shared_muse
from adapt.models.choice.chooser import WEIGHTS, LanguageWeights, Weights
from adapt.models.choice.evidence import EVIDENCE, FOREIGN, MODEL_FIGURES, Evidence
from adapt.models.choice.likelihood import likelihoods
from adapt.models.choice.match import HEAD, MatchHead, TokenMatch, unit
from adapt.models.choice.wording.languages import Language
from adapt.models.decoding.candidates import Candidate
from adapt.models.rendering import encode, render
from adapt.models.runtime import ModelRuntime
from adapt.records import Message
from adapt.registry.bases.find import find_base
from adapt.starter.choosing.fit import Row, fit_answered, fit_choice, fit_model, share_right
from adapt.starter.choosing.head import Sample, learn
from adapt.starter.choosing.items import Item, QuestionSet, fold_of
from adapt.starter.choosing.sources import Sources, read_sources
from adapt.starter.choosing.states import RememberedAnswers, RememberedTexts, RememberedTokens
from adapt.starter.recipe.exercises.exercise import render_system
from adapt.workspace.folder import Workspace

FOLDS = 2
EPOCHS = 4
MOST = {"tydiqa": 3_300, "squad_es": 2_200}  # questions of a set in an epoch
FITTED = {"tydiqa": 700, "squad_es": 500}  # and in the fit
LANGUAGES: tuple[Language, ...] = ("en", "es")
EVERYDAY = "everyday"  # how the names of such sources begin
# what those weigh together beside all others: of 0.1 to 3, each set left out in turn, the least that loses hardly an
# answer on them
EVERYDAY_WEIGHT = 0.3
MEASURED = 300  # of each set that the starter's likelihood is taken of
ANSWERED = (
    "closeness", "alone", "covered", "covered_passage", "answers", "answers_headed", "foreign",
)  # fmt: skip


class Recipe:
    """The encoders with their memory, the starter, and the sets."""

    def __init__(self, sources: Sources, *, seed: int) -> None:
        self.sources = sources
        self.seed = seed
        self.tokens = RememberedTokens(shared_minilm())
        self.texts = RememberedTexts(shared_muse().encode)
        self.answers = RememberedAnswers(shared_e5())
        with tempfile.TemporaryDirectory() as nowhere:
            self.starter = ModelRuntime(find_base("starter", Workspace(Path(nowhere) / "w")))

    def learn(self, keep: Callable[[str], bool], *, name: str) -> MatchHead:
        """Return a head that was learned on the articles that are kept."""

        def draw(rng: random.Random) -> Sequence[Callable[[], Sample | None]]:
            samplers: list[Callable[[], Sample | None]] = []
            for question_set in self.sources.learned:
                asked = [
                    pair
                    for pair in question_set.asked
                    if keep(question_set.paragraphs[pair[0]].article)
                ]
                rng.shuffle(asked)
                for place, number in asked[: MOST.get(question_set.name)]:
                    samplers.append(self._sampler(question_set, place, number, rng.random()))
            kept = [coined_item for coined_item in self.sources.coined if keep(coined_item.article)]
            return [
                *samplers,
                *(functools.partial(self._sample, coined_item) for coined_item in kept),
            ]

        return learn(
            draw,
            epochs=EPOCHS,
            seed=self.seed,
            report=lambda epoch, loss: say(
                f"head {name}, epoch {epoch + 1} of {EPOCHS}: loss {loss:.3f}"
            ),
        )

    def _sampler(
        self, source: QuestionSet, place: int, number: int, seed: float
    ) -> Callable[[], Sample | None]:
        return lambda: self._sample(source.item(random.Random(seed), place, number))

    def _sample(self, item: Item | None) -> Sample | None:
        tokens = self.tokens.tokens(item.question) if item else []
        if item is None or item.right is None or not tokens:
            return None
        states = TokenMatch(self.tokens, None).read(item.candidates)
        return (
            unit(self.tokens.states(tokens)),
            [unit(states_of_text) for states_of_text in states],
            item.right,
        )

    def items(
        self, sources: Iterable[QuestionSet], most: Callable[[str], int | None]
    ) -> list[Item]:
        """Return items of some sets, each question once."""
        items: list[Item] = []
        for question_set in sources:
            rng = random.Random(f"items:{question_set.name}:{self.seed}")
            asked = question_set.asked
            rng.shuffle(asked)
            drawn = (question_set.item(rng, place, number) for place, number in asked)
            items += islice((item for item in drawn if item is not None), most(question_set.name))
        return items

    def rows(
        self, items: Sequence[Item], heads: Sequence[MatchHead], *, measured: bool
    ) -> list[Row]:
        """Return the figures of items, by a head that has not learned from their articles."""
        evidence = [
            Evidence(TokenMatch(self.tokens, head), self.texts, self.answers) for head in heads
        ]
        rows = []
        for number, item in enumerate(items, start=1):
            gathered = evidence[fold_of(item.article, FOLDS)].gather(item.question, item.candidates)
            model = (
                self._likelihoods(item)
                if measured
                else np.zeros((len(gathered), len(MODEL_FIGURES)))
            )
            figures = np.concatenate([gathered, model], axis=1)
            rows.append(Row(figures, item.right, item.asked_in, item.source, item.article))
            if number % 100 == 0:
                say(f"figures: {number} of {len(items)}")
        return rows

    def absent(self, items: Sequence[Item], heads: Sequence[MatchHead]) -> list[Row]:
        """Return the same with the passage that answers taken out, and with the question of another item."""
        gone = [_without(item) for item in items]
        others = [
            replace(item, question=other.question)
            for item, other in pairwise(items)
            if item.article != other.article
        ]
        rows = self.rows(
            [item for item in (*gone, *others[::2]) if item.candidates], heads, measured=False
        )
        return [replace(row, right=None) for row in rows]

    def _likelihoods(self, item: Item) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        system = render_system(
            passages=[(f"document {n}", text) for n, text in item.grounding.passages]
        )
        messages = (Message("system", system), Message("user", item.question))
        tokenizer = self.starter.tokenizer
        prompt = encode(tokenizer, render(tokenizer, messages, add_generation_prompt=True))
        texts: list[list[int]] = [
            encode(tokenizer, candidate.text) for candidate in item.candidates
        ]
        with self.starter.active(None) as model:
            measured = likelihoods(model, prompt[-self.starter.context_length + 60 :], texts)
        return np.array([measured.chosen, measured.free]).T


def _without(item: Item) -> Item:
    """Return an item whose answer is not there any more."""
    passage = None if item.right is None else item.candidates[item.right].number
    left: list[Candidate] = [
        candidate for candidate in item.candidates if candidate.number != passage
    ]
    return replace(item, candidates=tuple(left))


def main(arguments: list[str] | None = None) -> int:
    """Learn, fit, and write both files; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m adapt.starter.choosing", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder of the data sets' folders"
    )
    parser.add_argument("--everyday", type=Path, help="a file of questions asked of own papers")
    parser.add_argument("--out", type=Path, default=HEAD.parent, help="the folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    sources = read_sources(chosen.data, chosen.everyday, seed=chosen.seed)
    recipe = Recipe(sources, seed=chosen.seed)
    heads = [
        recipe.learn(functools.partial(_is_kept, fold), name=f"{fold + 1} of {FOLDS}")
        for fold in range(FOLDS)
    ]
    weights = fit(recipe, heads)
    head = recipe.learn(lambda _: True, name="of all")
    save_head(head, chosen.out / HEAD.name)
    (chosen.out / WEIGHTS.name).write_text(
        weights.model_dump_json(indent=1) + "\n", encoding="utf-8"
    )
    say(f"{HEAD.name} and {WEIGHTS.name} written to {chosen.out}")
    return 0


def _is_kept(fold: int, article: str) -> bool:
    return fold_of(article, FOLDS) != fold


def save_head(head: MatchHead, path: Path) -> None:
    """Write a head in half precision."""
    save_file({name: array.astype(np.float16) for name, array in asdict(head).items()}, path)
    path.chmod(0o644)  # it is shipped, for whoever installs it


def fit(recipe: Recipe, heads: Sequence[MatchHead]) -> Weights:
    """Return the weights for questions of each language, with the share that is right on the sets of the fit."""
    sources = recipe.sources
    plain = [*recipe.items(sources.learned, FITTED.get), *sources.coined]
    unread = recipe.items(sources.unread, lambda _: MEASURED)
    across = recipe.items(sources.across, lambda _: None)
    everyday = recipe.rows(sources.everyday, heads, measured=False)
    rows = [*recipe.rows([*plain, *across], heads, measured=False), *everyday]
    measured = recipe.rows([*unread, *across[::2]], heads, measured=True)
    answerable = recipe.items((*sources.learned, *sources.across), lambda _: MEASURED)
    with_answer = [item for item in sources.everyday if item.right is not None]
    known = [*recipe.rows([*answerable, *sources.coined], heads, measured=False), *everyday]
    absent = [*recipe.absent(answerable, heads), *recipe.absent(with_answer, heads)]
    asked: dict[str, LanguageWeights] = {}
    right: dict[str, float] = {}
    for language in LANGUAGES:
        mine = balanced(_of(rows, language))
        evidence = fit_choice(mine, EVIDENCE)
        # the starter was taught in one language at a time: across languages its likelihoods mislead
        own = [row for row in _of(measured, language) if not row.figures[:, FOREIGN].any()]
        model = fit_model(own, evidence)
        answered, bias = fit_answered(
            [*_of(known, language), *_of(absent, language)], evidence, ANSWERED
        )
        asked[language] = LanguageWeights(
            choice={**evidence, **model}, answered=answered, bias=bias
        )
        right |= _shares(_of(rows, language), evidence, "evidence alone")
        right |= _shares(own, {**evidence, **model}, "with the starter")
    for name, share in right.items():
        say(f"{share:.3f}  {name}")
    return Weights(asked=asked, data=sources.hashes, seed=recipe.seed, right=right)


def balanced(rows: Sequence[Row]) -> list[Row]:
    """Return rows of which the everyday ones weigh `EVERYDAY_WEIGHT` of what all others do together."""
    everyday = [row.source.startswith(EVERYDAY) and row.right is not None for row in rows]
    count = sum(everyday)
    others = sum(row.right is not None for row in rows) - count
    weight = EVERYDAY_WEIGHT * others / count if count and others else 1.0
    return [
        replace(row, weight=weight) if own else row for row, own in zip(rows, everyday, strict=True)
    ]


def _shares(rows: Sequence[Row], weights: dict[str, float], how: str) -> dict[str, float]:
    """Return the share of right choices of each source that has answers."""
    shares = {}
    for name in sorted({row.source for row in rows}):
        part = [row for row in rows if row.source == name and row.right is not None]
        shares[f"{name}, asked in {part[0].asked_in}, {how}"] = share_right(part, weights)
    return shares


def _of(rows: Sequence[Row], language: Language) -> list[Row]:
    return [row for row in rows if row.asked_in == language]


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
