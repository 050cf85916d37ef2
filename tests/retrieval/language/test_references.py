"""What a text refers to is found however it is written: numbers, dates, times, codes and labels."""

import pytest
from hypothesis import given, strategies as st

from retrieval.language.forms.references import references
from retrieval.language.terms import SMALL_WORDS, asked, leading_terms, other_terms, terms


def finds(question: str, text: str) -> bool:
    """Return whether a thing that a question names is a term of a text."""
    there = {*terms(text, ""), *other_terms(text, "")}
    named = [wanted.terms for wanted in asked(question, {"en": 1.0}) if wanted.named]
    return all(terms & there for terms in named) and (bool(named) or question in there)


SAME = [
    ("600 123 456", "600-123-456", "+34 600123456", "0034 600 12 34 56"),
    ("+4930998877", "030 998877", "+49 (30) 99 88 77", "(0049) 30-998877"),
    ("1250000", "1,250,000", "1.250.000", "1 250 000", "1.25 million", "1,25 millones", "1,25 Millionen"),
    ("1.25M€", "1,250,000 euros", "€1.25 million"),
    ("2028-04-07", "7 April 2028", "7 de abril de 2028", "April 7th, 2028", "7. April 2028", "7 avril 2028", "07.04.2028",
     "07/04/2028", "20280407"),
    ("3 de mayo", "May 3", "3. Mai", "on the 3rd of May"),
    ("14:30", "2:30 pm", "2:30 p.m.", "14h30", "14.30 Uhr"),
    ("3 pm", "15:00", "15 Uhr", "las 3 de la tarde"),
    ("25 %", "25%", "25 percent", "25 por ciento", "25 Prozent", "25.0 %"),
    ("49 €", "€49", "49.00 EUR", "49,00 euros"),
    ("INV-2024/0031", "INV 2024 0031", "INV20240031", "inv-2024-0031"),
    ("ISO 27001", "ISO27001", "ISO-27001"),
    ("ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"),
    ("1234 BCD", "1234BCD", "1234-BCD"),
    ("version 2.3", "Version 2.3", "ver. 2.3"),
    ("Article 12", "art. 12", "Artículo 12", "Artikel 12", "artículo 12.º", "Article XII", "ARTÍCULO 12"),
    ("§ 7", "Section 7", "§7", "Abschnitt 7"),
    ("capítulo III", "Chapter 3", "chapter three", "Kapitel 3"),
    ("Annex R", "annex r", "Anexo R", "Anhang R"),
    ("Annex IV", "Annex 4", "anexo cuarto"),
    ("Appendix B", "apéndice B"),
]  # fmt: skip


@pytest.mark.parametrize("same", SAME, ids=lambda same: same[0])
def test_what_is_written_otherwise_is_found(same: tuple[str, ...]) -> None:
    lost = [(form, other) for form in same for other in same if not finds(form, other)]

    assert lost == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("600 123 456", "600 123 457"),
        ("1,250,000", "1,250,001"),
        ("2028-04-07", "2028-04-08"),
        ("7 April 2028", "7 April 2029"),
        ("13/04/2028", "04/12/2028"),
        ("2:30 pm", "2:30"),
        ("49 €", "49 $"),
        ("25 %", "25 kilometres"),
        ("Article 12", "Article 112"),
        ("Section 4.2", "Section 4"),
        ("Article 12 bis", "Article 12"),
        ("Annex R", "Annex B"),
        ("ISO 27001", "ISO 27002"),
        ("version 2.3", "version 2.3.1"),
    ],
)
def test_what_is_another_thing_is_not_found(question: str, text: str) -> None:
    assert not finds(question, text)


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("Annex R. This annex sets the fees.", True),
        ("## Artículo 12\n\nLa Junta resuelve.", True),
        ("§ 7 Fristen\n", True),
        ("as Article 12 says, it is so", False),
        ("Article 12 says that it is so", False),
    ],
)
def test_a_label_leads_where_it_names_a_line_and_not_where_it_is_mentioned(
    text: str, leads: bool
) -> None:
    assert bool(leading_terms(text)) is leads


@pytest.mark.parametrize("text", ["a part of it", "el anexo y la carta", "take part in it"])
def test_a_small_word_behind_a_label_is_no_name(text: str) -> None:
    assert references(text, SMALL_WORDS) == []


def test_zeros_alone_are_a_number_like_another() -> None:
    assert finds("000 000 000", "000000000")
    assert references("0000000", SMALL_WORDS)


@given(st.text(alphabet=st.sampled_from("0123456789 .,-/()+:€%ABab§artículo"), max_size=60))
def test_any_text_has_references_with_places_in_it_and_terms(text: str) -> None:
    for form in references(text, SMALL_WORDS):
        assert 0 <= form.start < form.end <= len(text)
        assert form.terms
        assert not any(sign.isspace() for term in form.terms for sign in term)
