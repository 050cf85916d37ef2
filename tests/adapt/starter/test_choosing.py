"""The weights of the choice: items, what is learned from them, and what is fitted."""

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapt.errors import DataError
from adapt.models.choice.chooser import load_weights
from adapt.models.choice.evidence import EVIDENCE, MODEL_FIGURES
from adapt.models.choice.match import HEAD, MatchHead
from adapt.starter.choosing import __main__ as recipe, sources
from adapt.starter.choosing.fit import Row, fit_answered, fit_choice, fit_model, share_right
from adapt.starter.choosing.head import learn
from adapt.starter.choosing.items import QuestionSet, fold_of, is_development, make_item
from adapt.starter.choosing.states import RememberedTexts, RememberedTokens
from adapt.starter.recipe.texts.questions import build_reading_set, read_squad

PLACES = (
    "Arbor",
    "Belmar",
    "Corvo",
    "Dunes",
    "Elster",
    "Fjord",
    "Galway",
    "Hamra",
    "Izmir",
    "Jaca",
    "Kiruna",
    "Lugo",
)


def squad(word: str, opens: str, asked: str) -> dict[str, object]:
    """Return questions in SQuAD's form, four paragraphs an article."""
    articles = []
    for start in range(0, len(PLACES), 4):
        paragraphs = []
        for number, place in enumerate(PLACES[start : start + 4], start=start):
            context = (
                f"{word} {place} {opens} {number + 6}:00. {word} {place} has {number + 20} boats."
            )
            answer = f"{number + 6}:00"
            paragraphs.append({
                "context": context,
                "qas": [{
                    "id": f"{place}", "question": asked.format(place),
                    "answers": [{"text": answer, "answer_start": context.index(answer)}],
                }],
            })  # fmt: skip
        articles.append({"title": f"{word} {start}", "paragraphs": paragraphs})
    return {"data": articles}


ENGLISH = squad("The harbour of", "opens at", "When does the harbour of {} open?")
SPANISH = squad("El puerto de", "abre a las", "¿Cuándo abre el puerto de {}?")


EVERYDAY = [
    {
        "set": "harbour",
        "question": "how much is it to leave my boat"
        if language == "en"
        else "¿qué vale el barco?",
        "language": language,
        "passages": ["A mooring costs 14 euros a night. Dogs are welcome.", "The bar shuts at 10."],
        "headings": ["Harbour", "Bar"],
        "answer": [1, "A mooring costs 14 euros a night."] if answered else None,
    }
    for language in ("en", "es")
    for answered in (True, True, False)
]


def question_set(content: object = ENGLISH) -> QuestionSet:
    reading_set = build_reading_set(paragraph for _, paragraph in read_squad("x", content))
    return QuestionSet.of("ports", "en", reading_set, titled=True)


def test_an_item_has_three_passages_and_one_right_sentence_and_is_drawn_again_alike() -> None:
    ports = question_set()

    first = ports.item(random.Random(3), 5, 0)
    again = ports.item(random.Random(3), 5, 0)

    assert first == again
    assert first is not None
    assert first.question == "When does the harbour of Fjord open?"
    assert first.candidates[first.right].text == "The harbour of Fjord opens at 11:00."
    assert len(first.grounding.passages) == 3


def test_a_sentence_that_stands_twice_makes_no_item() -> None:
    item = make_item(
        "When?",
        ["It opens at 8.", "It opens at 8."],
        (1, "It opens at 8."),
        source="",
        article="",
        asked_in="en",
    )

    assert item is None


def test_an_everyday_question_is_read_with_its_passages_and_one_without_its_answer_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "everyday.jsonl"
    file.write_text("\n".join(map(json.dumps, EVERYDAY)), encoding="utf-8")

    items = list(sources.read_everyday(file))

    assert [item.right for item in items[:3]] == [0, 0, None]
    assert items[0].candidates[0].context == "Harbour"
    assert {item.asked_in for item in items} == {"en", "es"}
    file.write_text(json.dumps({**EVERYDAY[0], "answer": [2, "No."]}), encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        list(sources.read_everyday(file))


def test_everyday_questions_weigh_a_share_of_all_others_together_however_many_they_are() -> None:
    mixed = [replace(row, source="everyday x") if row.right == 1 else row for row in rows(120)]

    weighed = recipe.balanced(mixed)

    answered = [row for row in weighed if row.right is not None]
    own = sum(row.weight for row in answered if row.source == "everyday x")
    others = sum(row.weight for row in answered if row.source != "everyday x")
    assert own == pytest.approx(recipe.EVERYDAY_WEIGHT * others)
    assert {row.weight for row in weighed if row.source != "everyday x"} == {1.0}


def test_articles_are_parted_for_good() -> None:
    assert {is_development(f"article {n}") for n in range(20)} == {True, False}
    assert [fold_of("x", 2), fold_of("x", 2)] == [fold_of("x", 2)] * 2


@pytest.mark.slow
def test_a_head_learns_which_tokens_answer_which() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(2, 384)).astype(np.float32)
    values = rng.normal(size=(2, 384)).astype(np.float32)

    def sample(seed: int) -> tuple[np.ndarray, list[np.ndarray], int]:
        noise = np.random.default_rng(seed)
        kind = seed % 2
        question = kinds[[kind]] + noise.normal(size=(2, 384)).astype(np.float32)
        texts = [
            values[[index]] + noise.normal(size=(3, 384)).astype(np.float32) for index in (0, 1)
        ]
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (question, *texts)]
        return unit[0], unit[1:], kind

    head = learn(
        lambda _rng: [lambda seed=seed: sample(seed) for seed in range(160)], epochs=6, seed=0
    )  # type: ignore[misc]

    right = [int(head.scores(q, t).argmax()) == k for q, t, k in map(sample, range(1_000, 1_100))]
    assert np.mean(right) > 0.8


def rows(count: int = 300) -> list[Row]:
    """Return rows whose right candidate has more `closeness`, less `opens`, and likes of the model that are half noise."""
    rng = np.random.default_rng(1)
    drawn = []
    for place in range(count):
        figures = rng.normal(size=(6, len(EVIDENCE) + len(MODEL_FIGURES)))
        right = int(rng.integers(6))
        figures[right, EVIDENCE.index("closeness")] += 2
        figures[right, EVIDENCE.index("opens")] -= 1
        figures[right, len(EVIDENCE)] += 1
        answer = right if place % 2 else None
        if answer is None:
            figures[right] = rng.normal(size=figures.shape[1])
        drawn.append(Row(figures, answer, "en", "made", str(place)))
    return drawn


def unlikely(row: Row) -> np.ndarray:
    """Return figures of a model that finds the right candidate the least likely."""
    figures = row.figures.copy()
    figures[:, len(EVIDENCE)] = 0
    figures[row.right if row.right is not None else 0, len(EVIDENCE)] = -50
    return figures


def test_a_fit_finds_what_speaks_for_the_right_candidate_and_whether_there_is_one() -> None:
    drawn = rows()

    weights = fit_choice(drawn, EVIDENCE)
    model = fit_model(drawn, weights)
    answered, bias = fit_answered(drawn, weights, ("closeness",))

    assert weights["closeness"] > 1
    assert weights["opens"] < 0
    assert abs(weights["words"]) < 0.5
    assert model["chosen"] >= 0.12
    assert fit_model([replace(row, figures=unlikely(row)) for row in drawn], weights) == {
        "chosen": 0.0
    }
    assert share_right(drawn, {**weights, **model}) > share_right(drawn, weights) > 0.6
    sure = [bias + answered["score"] * score for score in (8.0, -2.0)]
    assert sure[0] > sure[1]


class Counting:
    """An encoder that counts what it reads."""

    def __init__(self) -> None:
        self.read: list[object] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.read += texts
        return np.array([[len(text)] for text in texts], np.float32)

    def tokens(self, text: str) -> list[int]:
        self.read.append(text)
        return [len(word) for word in text.split()]

    def states(self, tokens: list[int]) -> np.ndarray:
        self.read.append(tuple(tokens))
        return np.array([[token] for token in tokens], np.float32)


def test_what_was_read_is_not_read_again() -> None:
    counting = Counting()
    tokens, texts = RememberedTokens(counting), RememberedTexts(counting.encode)

    for _ in range(2):
        assert tokens.states(tokens.tokens("one three")).tolist() == [[3], [5]]
        assert texts.encode(["a", "bb", "a"]).tolist() == [[1], [2], [1]]

    assert counting.read == ["one three", (3, 5), "a", "bb"]


def write(folder: Path, name: str, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "SOURCE.txt").write_text("licence: CC0-1.0\n", encoding="utf-8")
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_bytes(gzip.compress(text.encode()))


@pytest.mark.faults
@pytest.mark.slow
def test_the_whole_recipe_runs_on_small_sets_and_writes_what_the_product_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    prose = " ".join(
        f"The {place} valley has old mills and {n} wide fields of wheat."
        for n, place in enumerate(PLACES)
    )
    for language in ("en", "es"):
        lines = [json.dumps({"text": f"{prose} {number}"}) for number in range(40)]
        write(data / f"text_{language}_openstax", f"openstax_{language}.jsonl.gz", "\n".join(lines))
    write(data / "tydiqa_en", "tydiqa.json.gz", ENGLISH)
    write(data / "squad_es", "dev-v1.1.json.gz", SPANISH)
    for passages_in, asked in (("en", "es"), ("es", "en"), ("es", "es")):
        content = squad(
            "The pier of" if passages_in == "en" else "El muelle de",
            "opens at",
            "{} open?" if asked == "en" else "¿{} abre?",
        )
        write(data / "mlqa_es", f"dev-context-{passages_in}-question-{asked}.json.gz", content)
    monkeypatch.setattr(sources, "COINED", 8)
    monkeypatch.setattr(recipe, "EPOCHS", 1)
    monkeypatch.setattr(recipe, "MEASURED", 8)
    for name in ("MOST", "FITTED"):
        monkeypatch.setattr(recipe, name, {"tydiqa": 8, "squad_es": 8})

    everyday = data / "everyday.jsonl"
    everyday.write_text("\n".join(map(json.dumps, EVERYDAY)) + "\n", encoding="utf-8")

    assert recipe.main(["--data", str(data), "--everyday", str(everyday), "--out", str(out)]) == 0

    weights = load_weights(out / "weights.json")
    assert set(weights.asked) == {"en", "es"}
    assert "everyday.jsonl" in weights.data
    assert any(name.startswith("everyday harbour") for name in weights.right)
    assert "tydiqa_en/tydiqa.json.gz" in weights.data
    assert MatchHead.load(out / HEAD.name).asked.shape == MatchHead.load().asked.shape
