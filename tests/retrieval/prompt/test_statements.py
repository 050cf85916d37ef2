import pytest

from retrieval.language.forms.figures import figures
from retrieval.prompt.statements import Evidence, is_quoted, is_supported

POOLS = Evidence(
    "The pool in Lindby opens at 7:00 and closes at 21:00. The pool in Norby opens at 9:00 and closes at 18:00.\n\n"
    "A day ticket in Lindby costs 6 euros. A day ticket in Norby costs 4 euros. Dogs are not allowed. "
    "Open Monday to Friday.",
    "hours.md\nThe coast",
    "en",
)
PISCINA = Evidence(
    "La piscina abre el 3 de mayo de 2024. La entrada cuesta 1.200,50 pesos. No se admiten perros.",
    "piscina.md",
    "es",
)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("at nine", "a las nueve"),
        ("9:00", "las nueve"),
        ("9 p.m.", "21:00"),
        ("9.30 am", "9:30"),
        ("3 May 2024", "3 de mayo de 2024"),
        ("12/05/2024", "2024-05-12"),
        ("thirty-five days", "treinta y cinco días"),
        ("two hundred and five", "205"),
        ("1,200.50", "1.200,50"),
        ("3 million", "3.000.000"),
        ("€6", "six euros"),
        ("5 per cent", "5 %"),
        ("the third", "el tercero"),
        ("on Tuesdays", "Monday to Friday"),
        ("noon", "12:00"),
    ],
)
def test_figures_that_mean_the_same_agree(text: str, same: str) -> None:
    for figure in figures(text):
        assert any(figure.agrees(other) for other in figures(same)), figure


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("6 euros", "6 dollars"),
        ("nine euros", "9:00"),
        ("at 7:00", "at 7:30"),
        ("9 a.m.", "21:00"),
        ("2024", "2023"),
        ("May", "June"),
        ("on Sunday", "Monday to Friday"),
        ("1.5", "15"),
    ],
)
def test_figures_that_mean_something_else_do_not_agree(text: str, other: str) -> None:
    assert not any(figure.agrees(another) for figure in figures(text) for another in figures(other))


def test_a_quotation_keeps_the_order_of_its_words() -> None:
    assert is_quoted("THE POOL in Norby — opens at 9:00!", POOLS)
    assert is_quoted("The pool in Norby … closes at 18:00", POOLS)
    assert not is_quoted("closes at 18:00 … The pool in Norby", POOLS)
    assert not is_quoted("The pool opens at 9:00 in Norby", POOLS)
    assert not is_quoted("opens at", POOLS, least=3)


@pytest.mark.parametrize(
    "sentence",
    [
        "Lindby's pool opens at seven.",
        "The pool in Lindby closes at 9 p.m.",
        "In Norby a ticket costs four euros.",
        "Norby: 4 €",
        "The coast has a pool in Lindby.",
        "The pool does not allow dogs.",
        "It is open on Tuesdays.",
        "La piscina de Lindby abre a las 7:00.",
        "La entrada en Norby cuesta cuatro euros.",
    ],
)
def test_what_the_passage_says_in_other_words_holds(sentence: str) -> None:
    assert is_supported(sentence, POOLS)


@pytest.mark.parametrize(
    "sentence",
    [
        "The pool in Lindby opens at 8:00.",  # a figure that is not there
        "In Norby a day ticket costs 4 dollars.",
        "The pool in Ulvby opens at 7:00.",  # a name that is not there
        "The pool in Norby opens at 7:00.",  # the figure of another place
        "A day ticket in Norby costs 6 euros.",
        "The pool in Lindby closes at 7:00.",  # the figure of another verb
        "Dogs are allowed.",  # "not" is lost
        "The pool is closed on Sunday.",
        "Swimmers praise warm showers and friendly teachers.",  # words that are not there
        "La piscina de Lindby abre a las ocho.",
        "La piscina de Norby abre a las 7:00.",
        "La piscina de Ulvby abre a las 7:00.",
    ],
)
def test_what_the_passage_does_not_say_does_not_hold(sentence: str) -> None:
    assert is_supported(sentence, POOLS) is False


def test_a_sentence_that_names_nothing_is_of_what_the_one_before_names() -> None:
    text = "The pool in Lindby is old. It opens at 7:00. The pool in Norby opens at 9:00."

    assert is_supported("In Lindby the pool opens at seven.", Evidence(text, language="en"))
    assert is_supported("In Norby the pool opens at seven.", Evidence(text, language="en")) is False


def test_an_english_statement_is_checked_on_a_spanish_passage_by_figures_and_names() -> None:
    assert is_supported("The entry costs 1,200.50 pesos.", PISCINA)
    assert is_supported("The pool opens on the 3rd of May 2024.", PISCINA)
    assert is_supported("The pool opens on the 3rd of June 2024.", PISCINA) is False
    assert is_supported("The water is warm.", PISCINA) is None


def test_a_sentence_of_two_languages_is_mostly_a_quotation_or_nothing() -> None:
    quoted = "day ticket in Norby costs 4 euros"

    assert is_supported(f"de la sedimenta {quoted}.", POOLS) is False
    assert is_supported(f"según los horarios, una de las piscinas: {quoted}.", POOLS) is False
    assert is_supported(f"es: a {quoted}.", POOLS)


def test_a_lost_or_added_not_is_seen_in_spanish() -> None:
    assert is_supported("Se admiten perros.", PISCINA) is False or is_quoted(
        "Se admiten perros.", PISCINA
    )
    assert is_supported("Los perros se admiten.", PISCINA) is False
    assert is_supported("No se admiten los perros.", PISCINA)


def test_three_new_words_in_a_row_are_too_many_whatever_else_is_there() -> None:
    known = "The pool in Lindby opens at 7:00, a day ticket costs 6 euros"

    assert is_supported(f"{known} and shines brightly.", POOLS)
    assert is_supported(f"{known} and shines brightly tonight.", POOLS) is False
