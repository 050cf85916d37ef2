import pytest

from adapt.records import Chunk, CleanedAnswer, ContextPiece, Passage
from retrieval.prompt.citations import check, cited, notes

REVIEW = (
    "The mesh of the harbour net is 12 mm wide, as Okafor measured [2] in spring. The maker says that the net lasts nine "
    "years [14]. The second mesh is stored in mesh[1] of the list."
)
POOLS = (
    "Opening hours\n\nThe pool in Lindby opens at 7:00 and closes at 21:00. The pool in Norby opens at 9:00 and closes at "
    "18:00. It was built in spring [2]."
)


def passage(text: str, *, heading: str = "", language: str = "en") -> Passage:
    """Return a passage of a document called a.txt."""
    return Passage(Chunk("1", "a.txt", "r", text, heading=heading, language=language), 0.5)


REFERENCES = "Sources\n\n[3] Smith, J. Nets of the coast.\n[4] Okafor, A. Meshes."
TWO = [passage(REVIEW), passage(POOLS, heading="Pools of the coast")]
NINE = [passage("At nine."), passage("The shop opens at nine, and never at ten."), passage("Nine.")]


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("At nine [2].", [2]),
        ("At nine[1][3].", [1, 3]),
        ("At nine [1],[3].", [1, 3]),
        ("Both [3, 1] and again [3].", [3, 1]),
        ("All [1-3].", [1, 2, 3]),
        ("None [0] [4] [99].", []),
        ("A link [1](http://x), code `a[2]` and\n```\nb[3]\n```", []),
        ("[see 1](http://x) and [^2], [sic], [2]: note", []),
        ("a[1] = 2; b[2].name; c = [3]", []),
        ('{"rows": [1], "more": {"of": [2]}}', []),
    ],
)
def test_the_passages_that_an_answer_cites_are_found(answer: str, numbers: list[int]) -> None:
    assert cited(answer, NINE) == numbers


@pytest.mark.parametrize(
    ("answer", "clean", "removed"),
    [
        ("At nine [2].", "At nine [2].", 0),
        ("At nine [7].", "At nine.", 1),
        ("At nine [2, 7].", "At nine [2].", 1),
        ("At nine[1][4].", "At nine[1].", 1),
        ("Nine `a[7]` [8].", "Nine `a[7]`.", 1),
    ],
)
def test_a_citation_of_a_passage_that_is_not_there_is_removed_and_counted(
    answer: str, clean: str, removed: int
) -> None:
    cleaned = check(answer, NINE)

    assert (cleaned.text, cleaned.removed, cleaned.unsupported) == (clean, removed, ())


def test_without_passages_what_looks_like_code_stays_and_other_citations_go() -> None:
    assert check("SELECT a[1] FROM t", []) == CleanedAnswer("SELECT a[1] FROM t")
    assert check("At nine [1].", []) == CleanedAnswer("At nine.", removed=1)


def test_an_answer_is_cleaned_by_the_pieces_of_its_prompt() -> None:
    piece = ContextPiece("0", "text", passage=NINE[0])

    assert check("At nine [1], no [2].", [piece]) == CleanedAnswer("At nine [1], no.", removed=1)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        # quoted whole, with the answer's own citation behind it
        (f"{REVIEW.split('. The maker')[0]}. [1]", [1]),
        ("The maker says that the net lasts nine years [14]. [1]", [1]),
        ("The second mesh is stored in mesh[1] of the list. [1]", [1]),
        ("It was built in spring [2]. [2]", [2]),
        (f"{REVIEW} [1]\nIt was built in spring [2]. [2]", [1, 2]),
        # quoted in part, and in other words around
        ("Okafor measured [2] it: 12 mm. [1]", [1]),
        ("The net lasts nine years [14], says its maker. [1]", [1]),
        ("The second one is in mesh[1]. [1]", [1]),
        # nothing of its own
        ("The maker says that the net lasts nine years [14].", []),
    ],
)
def test_the_marks_of_a_document_are_text_and_no_citations(answer: str, numbers: list[int]) -> None:
    cleaned = check(answer, TWO)

    assert cleaned == CleanedAnswer(answer)
    assert cited(cleaned.text, TWO) == numbers


@pytest.mark.parametrize(
    "answer",
    [
        "The pool in Lindby opens at 7:00 and closes at 21:00. [2]",
        "Lindby's pool opens at seven [2].",
        "The pool opens at 7:00 in Lindby [2] and the net is 12 mm wide [1].",
        "According to [1], the mesh is 12 mm wide.",
        "[1] The mesh is 12 mm wide.",
        "See [2].",
        "La piscina de Lindby abre a las siete. [2]",
        "The pool in Lindby … closes at 21:00. [2]",
        "- Lindby: 7:00 [2]\n- Norby: 9:00 [2]",
        "The pools of the coast: Lindby, Norby. [2]",
    ],
)
def test_what_a_passage_says_keeps_its_citation(answer: str) -> None:
    assert check(answer, TWO) == CleanedAnswer(answer)


@pytest.mark.parametrize(
    ("answer", "clean", "unsupported"),
    [
        ("Lauding hours of thecoke euros. [2]", "Lauding hours of thecoke euros.", (2,)),
        ("The net lasts ten years [1].", "The net lasts ten years.", (1,)),
        ("The pool in Norby opens at 7:00. [2]", "The pool in Norby opens at 7:00.", (2,)),
        ("The net is 12 mm wide [1, 2].", "The net is 12 mm wide [1].", (2,)),
        (
            "The net is 12 mm wide [1]. The pool in Ulvby opens at 7:00 [2].",
            "The net is 12 mm wide [1]. The pool in Ulvby opens at 7:00.",
            (2,),
        ),
        ("Yes. [1]", "Yes.", (1,)),
        ("La red dura diez años. [1]", "La red dura diez años.", (1,)),
    ],
)
def test_what_no_passage_says_loses_its_citation(
    answer: str, clean: str, unsupported: tuple[int, ...]
) -> None:
    assert check(answer, TWO) == CleanedAnswer(clean, unsupported=unsupported)


def test_the_number_that_opens_a_line_of_a_document_is_its_own() -> None:
    answer = "[3] Smith, J. Nets of the coast. [1] [4] Okafor, A. Meshes. [1]"

    assert check(answer, [passage(REFERENCES)]) == CleanedAnswer(answer)
    assert cited(answer, [passage(REFERENCES)]) == [1]


def test_what_is_said_of_two_passages_together_keeps_both() -> None:
    answer = "Both the net of 12 mm and the pool in Lindby [1][2]."

    assert check(answer, TWO).text == answer


def test_a_quotation_of_another_passage_gets_its_number() -> None:
    cleaned = check("The pool in Lindby opens at 7:00. [1]", TWO)

    assert cleaned == CleanedAnswer("The pool in Lindby opens at 7:00. [2]", corrected=((1, 2),))


def test_across_languages_what_names_nothing_is_not_taken_as_said() -> None:
    cleaned = check("El agua está fría. [2]", TWO)

    assert cleaned == CleanedAnswer("El agua está fría.", unchecked=(2,))


@pytest.mark.parametrize(
    ("cleaned", "sentences"),
    [
        (CleanedAnswer("", removed=2), []),
        (
            CleanedAnswer("", unsupported=(2,)),
            ["1 sentence lost its citation: passage 2 does not say it."],
        ),
        (
            CleanedAnswer("", unsupported=(2, 2)),
            ["2 sentences lost their citations: passage 2 does not say them."],
        ),
        (
            CleanedAnswer("", unsupported=(3, 1)),
            ["2 sentences lost their citations: passages 1 and 3 do not say them."],
        ),
        (
            CleanedAnswer("", unchecked=(1,)),
            [
                "1 sentence lost its citation: passage 1 is in another language and names nothing to check it by."
            ],
        ),
        (
            CleanedAnswer("", corrected=((1, 3),)),
            ["1 citation was corrected: the sentence stands in passage 3, not in 1."],
        ),
        (
            CleanedAnswer("", corrected=((1, 3), (2, 1))),
            ["2 citations were corrected: [1] became [3], [2] became [1]."],
        ),
    ],
)
def test_what_became_of_citations_is_told_in_a_sentence(
    cleaned: CleanedAnswer, sentences: list[str]
) -> None:
    assert notes(cleaned) == sentences
