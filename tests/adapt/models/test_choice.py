"""Sentences chosen: what speaks for a candidate, and which one an answer is."""

import itertools
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from adapt.embedding.shipped import shared_minilm
from adapt.models.choice.chooser import Chooser, load_chooser, load_weights
from adapt.models.choice.evidence import EVIDENCE, MODEL_FIGURES
from adapt.models.choice.likelihood import likelihoods
from adapt.models.choice.match import MatchHead, TokenMatch
from adapt.models.choice.wording.kinds import asked_kinds, holds
from adapt.models.choice.wording.languages import asked_in, language_of
from adapt.models.choice.wording.words import Rarity, names_of, share_held, terms
from adapt.models.decoding.candidates import find_candidates
from adapt.models.decoding.grounding import REFUSALS
from adapt.models.loading import load_base
from adapt.models.runtime import ModelRuntime
from adapt.records import Grounding, Message
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from tests.tiny import CONFIGS, make_base

HARBOUR = (
    "The harbour office opens at 7:30 on weekdays. It is closed on Sunday. A mooring costs 14 euros a night. "
    "The harbour master is Ida Voss."
)
PUERTO = (
    "La oficina del puerto abre a las 7:30 los días laborables. El amarre cuesta 14 euros por noche. "
    "La capitana del puerto es Ida Voss."
)
GARDEN = "The garden has two ponds. The roses flower in June. Dogs are kept on a lead. Entry is free for children."


@pytest.fixture(scope="module")
def chooser() -> Chooser:
    return load_chooser()


def best(chooser: Chooser, question: str, *passages: str, headings: tuple[str, ...] = ()) -> str:
    grounding = Grounding(tuple(enumerate(passages, start=1)), headings=headings)
    return chooser.choose(question, find_candidates(grounding)).best.text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what time can I come to the harbour office", "7:30"),
        ("What do I pay to stay one night with my boat?", "14 euros"),
        ("Who is in charge of the harbour?", "Ida Voss"),
        ("May I bring my dog?", "Dogs"),
        ("When do the roses bloom?", "June"),
    ],
)
def test_the_sentence_that_answers_is_chosen_though_it_shares_few_words(
    chooser: Chooser, question: str, answer: str
) -> None:
    assert answer in best(chooser, question, GARDEN, HARBOUR)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("¿A qué hora abre la oficina?", "7:30"),
        ("cuanto vale dejar el barco una noche", "14 euros"),
        ("¿Quién dirige el puerto?", "Ida Voss"),
    ],
)
def test_spanish_is_chosen_from_in_spanish_and_across_languages(
    chooser: Chooser, question: str, answer: str
) -> None:
    assert answer in best(chooser, question, PUERTO)
    assert answer in best(chooser, question, HARBOUR)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("¿Puedo ir con mi perro?", "Dogs are kept on a lead."),
        ("¿Cuánto pagan los niños por entrar?", "Entry is free for children."),
        (
            "What does it cost to keep a boat there overnight?",
            "El amarre cuesta 14 euros por noche.",
        ),
    ],
)
def test_what_is_told_in_the_other_language_is_found_among_sentences_of_the_question_s_own(
    chooser: Chooser, question: str, answer: str
) -> None:
    spanish = "El jardín abre a las diez. La visita guiada dura una hora. El bar cierra los lunes."
    english = "The museum shuts at six. A guided tour takes an hour. The bar is closed on Mondays."
    own, other = (english, PUERTO) if question.startswith("What") else (spanish, GARDEN)

    assert best(chooser, question, own, other) == answer


def test_a_passage_in_another_language_than_the_question_is_marked() -> None:
    candidates = find_candidates(Grounding(((1, PUERTO), (2, GARDEN))))
    column = EVIDENCE.index("foreign")

    figures = load_chooser()._evidence.gather("¿Cuándo abre la oficina?", candidates)

    assert figures[:, column].tolist() == [0.0] * 3 + [1.0] * 4


def test_a_row_is_chosen_by_the_name_of_its_row_and_column(chooser: Chooser) -> None:
    table = "Boats for hire.\n\nBoat | Seats | Price a day\nHeron | 4 | 30 €\nGull | 6 | 45 €"

    assert best(chooser, "How many people fit into the Gull?", HARBOUR, table) == "Gull | 6 | 45 €"


def test_a_heading_tells_what_its_sentences_are_about(chooser: Chooser) -> None:
    first, second = "Opens at 8:00. Closes at 20:00.", "Opens at 9:00. Closes at 18:00."

    chosen = best(
        chooser,
        "When does the pool in Norby close?",
        first,
        second,
        headings=("Pool of Lindby", "Pool of Norby"),
    )

    assert chosen == "Closes at 18:00."


def test_another_subject_is_told_from_an_answer(chooser: Chooser) -> None:
    candidates = find_candidates(Grounding(((1, HARBOUR), (2, GARDEN))))

    there = chooser.choose("How much is a mooring?", candidates).answered
    gone = chooser.choose("Which planets have rings made of ice?", candidates).answered

    assert there > 0.5 > gone


def test_a_correction_is_meant_by_the_same_question_in_other_words_and_by_no_other(
    chooser: Chooser,
) -> None:
    grounding = Grounding(
        uncited=("The rate is 23 %.", "It opens at 10.", "It opens at 9."),
        corrections=(
            ("What is the VAT rate in Portugal?", "The rate is 23 %."),
            ("At what time does the pool open?", "It opens at 10."),
            ("When does the pool open?", "It opens at 9."),
        ),
    )
    candidates = find_candidates(grounding)

    def meant(question: str) -> str | None:
        correction = chooser.correction(question, candidates)
        return correction.text if correction else None

    assert meant("Which VAT rate applies in Portugal?") == "The rate is 23 %."
    assert meant("What is the VAT rate in Spain?") is None
    assert meant("How much does an elephant weigh?") is None
    assert meant("what time does the pool open") == "It opens at 10."
    assert meant("When does the pool close?") is None


@pytest.mark.parametrize("architecture", list(CONFIGS))
def test_likelihoods_of_a_batch_are_those_of_each_candidate_alone(
    architecture: str, tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base", architecture)), workspace)
    runtime = ModelRuntime(base)
    prompt = runtime.tokenizer.encode("When does it open?")
    texts = [
        runtime.tokenizer.encode(text)
        for text in ("It opens at 8.", "It opens late.", "Dogs may not.")
    ]

    with runtime.active(None) as model:
        batch = likelihoods(model, prompt, texts)
        alone = []
        for text in texts:
            scores = (
                model(input_ids=torch.tensor([[*prompt, *text]])).logits[0].float().log_softmax(-1)
            )
            part = text[:12]
            alone.append(
                sum(
                    float(scores[len(prompt) - 1 + place, token])
                    for place, token in enumerate(part)
                )
            )

    assert batch.free == pytest.approx(alone, abs=1e-3)
    assert sum(
        map(torch.tensor(batch.chosen).exp().tolist().__getitem__, range(3))
    ) == pytest.approx(1, abs=1e-3)


def test_what_is_measured_in_parts_is_what_is_measured_at_once(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ModelRuntime(find_base(str(make_base(tmp_path / "base")), workspace))
    prompt = runtime.tokenizer.encode("When does it open?")
    texts = [runtime.tokenizer.encode(f"Door {n} opens at {n}.") for n in range(7)]

    with runtime.active(None) as model:
        at_once = likelihoods(model, prompt, texts)
        monkeypatch.setattr("adapt.models.choice.likelihood.HELD", 2 * (len(prompt) + 12))
        in_parts = likelihoods(model, prompt, texts)

    assert in_parts.chosen == pytest.approx(at_once.chosen, abs=1e-4)
    assert in_parts.free == pytest.approx(at_once.free, abs=1e-4)


def test_a_candidate_is_read_among_its_neighbours_whatever_the_windows() -> None:
    encoder = shared_minilm()
    match = TokenMatch(encoder, MatchHead.load())
    long = " ".join(f"Door number {n} opens at {n % 12} o'clock and stays open." for n in range(60))
    candidates = find_candidates(Grounding(((1, long), (2, HARBOUR)), headings=("Doors", "")))

    states = match.read(candidates)

    assert [len(item) for item in states] == [
        len(encoder.tokens(item.reading)) for item in candidates
    ]
    assert match.figures("", candidates).tolist() == [[0.0] * 3] * len(candidates)


@pytest.mark.parametrize(
    ("question", "kinds", "yes", "no"),
    [
        ("What time does it close?", ("clock",), "It closes at 18:30.", "It closes on Sunday."),
        ("¿A qué hora cierra?", ("clock",), "Cierra a las nueve.", "Cierra en verano."),
        ("How much is a ticket?", ("money",), "A ticket is 4 €.", "A ticket is needed."),
        ("¿Cuánto cuesta?", ("money",), "Es gratis.", "Es azul."),
        (
            "How long is the warranty?",
            ("span", "date", "size"),
            "It lasts two years.",
            "It is good.",
        ),
        ("Who wrote it?", ("person",), "It was written by Ana Ruiz.", "It was written by hand."),
        ("Why is it shut?", ("reason",), "It is shut because of rain.", "It is shut."),
        ("How many rooms are there?", ("count",), "There are twelve rooms.", "There are rooms."),
    ],
)
def test_the_kind_of_thing_that_is_asked_for_is_known_where_it_stands(
    question: str, kinds: tuple[str, ...], yes: str, no: str
) -> None:
    assert asked_kinds(question) == kinds
    assert any(holds(kinds, yes))
    assert not any(holds(kinds, no))


def test_rare_words_weigh_more_and_forms_of_a_word_are_one() -> None:
    texts = ["The mooring costs 14 euros.", "The office costs nothing.", "The office opens."]
    rarity = Rarity("the moorings of the office", texts)

    shares = [rarity.share(terms(text)) for text in texts]

    assert shares[0] > shares[1] == shares[2] > 0
    assert sum(itertools.islice(shares, 2)) == pytest.approx(1)


def test_names_are_capitals_and_figures_but_for_the_first_word() -> None:
    assert names_of("When did Ana Ruiz sell 12 NASA boats?") == {"ana", "ruiz", "12", "nasa"}
    assert share_held({"ana", "12"}, terms("Ana sold it.")) == 0.5
    assert share_held((), terms("Ana sold it.")) == 0.0


def test_languages_are_told_by_common_words() -> None:
    assert language_of("where is it") == "en"
    assert language_of("¿dónde está?") == "es"
    assert language_of("Zugspitze") == ""
    assert asked_in("where is it", ["la casa está en el puerto y es azul"]) == "en"
    assert asked_in("Zugspitze", ["the mountain is in the south"]) == "en"
    assert asked_in("Zugspitze", ["la casa está en el puerto y es azul"]) == "es"
    assert asked_in("wo ist das Haus", ["der Hafen und das Haus"]) == "es"


def test_weights_name_only_figures_that_there_are_and_say_what_they_were_fitted_on() -> None:
    weights = load_weights()

    for language_weights in weights.asked.values():
        assert set(language_weights.choice) <= {*EVIDENCE, *MODEL_FIGURES}
        assert set(language_weights.answered) <= {"score", *EVIDENCE}
    assert set(weights.asked) == {"en", "es"}
    assert all(len(digest) == 64 for digest in weights.data.values())


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> ModelRuntime:
    """Return the starter with an adapter of random weights, which spoils whatever it writes itself."""
    folder = tmp_path_factory.mktemp("adapted")
    base = find_base("starter", Workspace(folder / "w"))
    model, _ = load_base(base)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, settings).save_pretrained(folder / "adapter", save_embedding_layers=False)
    runtime = ModelRuntime(base)
    runtime.attach("spoilt@1", folder / "adapter")
    return runtime


def asked(
    runtime: ModelRuntime, question: str, *, adapter: str | None = None, **more: object
) -> str:
    grounding = Grounding(((1, HARBOUR), (2, GARDEN)), question=question, **more)  # type: ignore[arg-type]
    return runtime.generate(
        [Message("user", question)], adapter=adapter, grounding=grounding, max_new_tokens=40
    )


@pytest.mark.parametrize("adapter", [None, "spoilt@1"])
def test_the_starter_says_the_sentence_that_is_chosen_whatever_adapter_is_on(
    starter: ModelRuntime, adapter: str | None
) -> None:
    answer = asked(starter, "What do I pay for a mooring?", adapter=adapter)

    assert answer == "A mooring costs 14 euros a night. [1]"


def test_what_the_passages_do_not_tell_is_refused_in_the_language_of_the_question(
    starter: ModelRuntime,
) -> None:
    assert asked(starter, "Which planets have rings made of ice?") == REFUSALS[0]
    assert asked(starter, "¿Qué planetas tienen anillos de hielo?") == REFUSALS[1]


def test_an_adapter_keeps_its_own_tasks_where_the_passages_tell_nothing(
    starter: ModelRuntime,
) -> None:
    assert (
        asked(starter, "Which planets have rings made of ice?", adapter="spoilt@1") not in REFUSALS
    )


def test_a_search_that_doubts_is_overruled_by_a_sentence_that_plainly_answers(
    starter: ModelRuntime,
) -> None:
    absent = "That is not in your documents."

    assert "14 euros" in asked(starter, "How much is a mooring a night?", absent=absent)
    assert asked(starter, "Which planets have rings made of ice?", absent=absent) == absent


def test_a_correction_is_said_to_the_same_question_in_other_words(starter: ModelRuntime) -> None:
    right = "For you a mooring is 10 euros."
    given = {"uncited": (right,), "corrections": (("How much is a mooring a night?", right),)}

    assert asked(starter, "What does a mooring cost a night?", **given) == right
    assert "Ida Voss" in asked(starter, "Who is the harbour master?", **given)


def test_the_pieces_of_a_chosen_answer_stream_word_by_word(starter: ModelRuntime) -> None:
    pieces: list[str] = []
    grounding = Grounding(((1, HARBOUR),), question="Who is the harbour master?")

    answer = starter.generate([Message("user", "x")], grounding=grounding, on_text=pieces.append)

    assert "".join(pieces) == answer == "The harbour master is Ida Voss. [1]"
    assert len(pieces) > 4
