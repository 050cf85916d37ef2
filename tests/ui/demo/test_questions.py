"""The sets of natural questions: that each says what its documents say, how an answer is judged, and asking them."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.language.sentences import sentence_spans
from retrieval.readers.read import read
from ui.cli.main import main
from ui.context import Context
from ui.demo import questions as sets
from ui.demo.answers import USER, AnswerReport, NaturalAnswer, ask_natural, tally
from ui.demo.questions import NaturalQuestion, fold, is_refusal, read_natural
from ui.demo.run import DATA, ingest_documents

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NATURAL = BENCHMARKS / "answers" / "natural_questions.jsonl"
DEVELOPMENT = {
    folder.name: folder / "questions.jsonl" for folder in (BENCHMARKS / "development").iterdir()
}
FOLDERS = {
    sets.QUESTIONS: DATA / "documents",
    NATURAL: DATA / "documents",
    **{path: path.with_name("documents") for path in DEVELOPMENT.values()},
}
SPANISH_DOCUMENTS = frozenset(
    {
        "autobuses-campus.md",
        "banca-digital.md",
        "boletin-de-otono.md",
        "boletin-noviembre.md",
        "boletin-primavera.txt",
        "centro-de-salud.md",
        "clinica-veterinaria.md",
        "comedor-la-encina.html",
        "contrato-de-mantenimiento.md",
        "entrega-y-devoluciones.html",
        "escuela-de-musica.txt",
        "guia-matricula.md",
        "historia-universidad.txt",
        "manual-lavadora-marea.md",
        "normas-del-personal.txt",
        "preguntas-frecuentes.md",
        "seguridad-oficina.md",
        "seguro-auto-viaje.html",
        "siniestros.md",
        "tarifa-repuestos-villarreja.md",
        "tarifas.md",
    }
)
OPENING = NaturalQuestion(
    question="When does it open?",
    language="en",
    kind="text",
    relevant=("hours.txt",),
    right=(("8:00", "eight"), ("opens",)),
    wrong=("9:30",),
)
ABSENT = NaturalQuestion(question="Who?", language="en", kind="absent", relevant=(), right=())


def sentences(folder: Path) -> dict[str, list[str]]:
    """Return the sentences, rows and items of each document, as the readers give them."""
    return {
        path.name: [
            page.text[start:end]
            for page in read(path).pages
            for start, end in sentence_spans(page.text)
        ]
        for path in sorted(folder.iterdir())
    }


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_one_sentence_or_row_tells_what_a_right_answer_holds_and_no_other_does(path: Path) -> None:
    documents = sentences(FOLDERS[path])

    for asked in read_natural(path):
        telling = [
            name
            for name, texts in documents.items()
            for text in texts
            if asked.is_answered_in(text) and asked.is_right(text)
        ]
        assert telling == list(asked.relevant), asked.question


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_alternative_stands_in_a_document_that_answers(path: Path) -> None:
    documents = {name: fold(" ".join(texts)) for name, texts in sentences(FOLDERS[path]).items()}

    for asked in read_natural(path):
        for string in [string for group in asked.right for string in group]:
            assert any(sets.holds(documents[name], string) for name in asked.relevant), string


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_question_of_the_other_language_is_told_from_one_of_its_documents(path: Path) -> None:
    for asked in read_natural(path):
        languages = {"es" if name in SPANISH_DOCUMENTS else "en" for name in asked.relevant}
        if asked.kind == "text":
            assert languages == {asked.language}, asked.question
        if asked.kind == "across":
            assert asked.language not in languages, asked.question


def test_the_sets_have_the_sizes_that_they_are_said_to_have() -> None:
    demo, natural = read_natural(), read_natural(NATURAL)
    languages = Counter(question.language for question in demo)
    kinds, others = (
        Counter(question.kind for question in demo),
        Counter(question.kind for question in natural),
    )

    assert (len(demo), languages["en"], languages["es"]) == (60, 30, 30)
    assert (kinds["table"], kinds["absent"]) == (15, 12)
    assert (len(natural), others["across"], others["absent"]) == (100, 23, 8)
    assert {name: len(read_natural(path)) for name, path in DEVELOPMENT.items()} == {
        "bank": 150,
        "town": 60,
        "university": 150,
        "workshop": 150,
    }


def test_no_question_stands_in_two_sets_or_twice() -> None:
    asked = {path: [fold(q.question) for q in read_natural(path)] for path in FOLDERS}

    assert all(len(set(questions)) == len(questions) for questions in asked.values())
    for first, second in combinations(asked.values(), 2):
        assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("The office opens at 8:00. [1]", True),
        ("It OPENS at Éight [2]", True),
        ("The office opens at 18:00. [1]", False),
        ("At 8:00. [1]", False),
        ("It opens at 8:00 or 9:30. [1]", False),
        ("It opens at 8:00. [1] " + "And so on. [1] " * 30, False),
        ("Sorry, the passages do not say. It opens at 8:00.", False),
        ("", False),
    ],
)
def test_an_answer_is_right_by_what_it_holds_and_leaves_out(answer: str, right: bool) -> None:
    assert OPENING.is_right(answer) == right


@pytest.mark.parametrize("answer", sets.REFUSED)
def test_only_a_refusal_is_right_where_there_is_no_answer(answer: str) -> None:
    assert ABSENT.is_right(answer)
    assert ABSENT.is_right(f"{answer} Ask me something else.")
    assert not OPENING.is_right(answer)
    assert not ABSENT.is_right("The office opens at 8:00. [1]")
    assert not is_refusal(f"{answer} The office opens at 8:00. [1]")
    assert not ABSENT.is_right("")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": []}, "what a right answer holds are missing"),
        ({"right": [[]]}, "what a right answer holds are missing"),
        ({"relevant": []}, "a document that answers it"),
        ({"kind": "absent"}, "nothing relevant and nothing right"),
        ({"language": "fr"}, "line 1: Input should be"),
        ({"wright": []}, "line 1: Extra inputs"),
    ],
)
def test_a_line_that_cannot_be_judged_by_is_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({**OPENING.model_dump(), **change}), encoding="utf-8")

    with pytest.raises(DataError, match=message):
        read_natural(path)


def test_a_file_that_is_missing_or_no_json_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text("{", encoding="utf-8")

    with pytest.raises(DataError, match="line 1: not JSON"):
        read_natural(tmp_path / "q.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read_natural(tmp_path / "none.jsonl")


def test_a_report_counts_by_language_and_kind_and_shows_the_wrong_ones_as_wrong() -> None:
    report = AnswerReport(
        (
            NaturalAnswer(OPENING, "The office opens at 8:00. [1]", ("hours.txt",)),
            NaturalAnswer(OPENING, "The bakery opens at 8:00. [1] [2]", ("hours.txt", "other.txt")),
            NaturalAnswer(OPENING, "Sorry, the passages do not say.", ()),
            NaturalAnswer(ABSENT, "The office closes. [1]", ("hours.txt",)),
        ),
        seconds=2.0,
    )

    counts = tally(report.answers)
    text = report.text()

    assert (counts["questions"], counts["right"], counts["share"]) == (4, 2, 0.5)
    assert (counts["answerable"], counts["falsely_refused"], counts["well_cited"]) == (3, 1, 1)
    assert list(report.groups()) == [("en", "text"), ("en", "absent")]
    assert report.as_json()["wrong"] == [answer.as_json() for answer in report.wrong]
    assert [answer.answer for answer in report.wrong] == [
        answer.answer for answer in report.answers[2:]
    ]
    assert "2 of 4 answers are wrong" in text
    assert "wrong: Sorry, the passages do not say.   [nothing cited]" in text
    assert "right: “8:00” or “eight” and “opens” in hours.txt" in text
    assert "right: a refusal; the documents do not tell" in text


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return a workspace that holds the demo's documents."""
    context = Context(tmp_path_factory.mktemp("questions") / "workspace")
    ingest_documents(context)
    return context


@pytest.mark.slow
def test_questions_are_asked_each_by_itself_or_in_one_conversation_a_language(ctx: Context) -> None:
    asked = [question for question in read_natural() if question.kind == "text"][::8]

    apart = ask_natural(ctx, asked)
    together = ask_natural(ctx, asked, together=True)

    assert {question.language for question in asked} == {"en", "es"}
    for report in (apart, together):
        assert [answer.question for answer in report.answers] == asked
        assert all(answer.answer for answer in report.answers)
        documents = {path.name for path in (DATA / "documents").iterdir()}
        assert {name for answer in report.answers for name in answer.documents} <= documents
    assert any(answer.documents for answer in apart.answers)
    lengths = [
        len(ctx.feedback.turns(session, user=USER)) for session, _ in ctx.feedback.sessions(USER)
    ]
    by_language = Counter(question.language for question in asked)
    assert sorted(lengths) == sorted([1] * len(asked) + list(by_language.values()))


@pytest.mark.slow
def test_the_command_prints_shares_and_the_wrong_answers_and_ends_well(
    ctx: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = sets.QUESTIONS.read_text(encoding="utf-8").splitlines()[::15]
    subset = tmp_path / "questions.jsonl"
    subset.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(sets, "QUESTIONS", subset)
    workspace = str(ctx.workspace.path)

    with pytest.raises(SystemExit) as shown:
        main(["--workspace", workspace, "demo", "--questions"])
    text, messages = capsys.readouterr()
    with pytest.raises(SystemExit) as given:
        main(["--workspace", workspace, "demo", "--questions", "--json"])
    printed = json.loads(capsys.readouterr().out)

    assert (shown.value.code, given.value.code) == (0, 0)
    assert printed["questions"] == len(lines) == 4
    assert {(group["language"], group["kind"]) for group in printed["groups"]} >= {("en", "text")}
    assert f"{len(printed['wrong'])} of 4 answers are wrong" in text
    assert all(answer["answer"] in text for answer in printed["wrong"])
    assert "ask" in messages
