"""Licences together: what clashes is refused with both names, what is not known is said, what goes together is joined."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapt.errors import AdaptError
from adapt.registry.licence_table import LICENCES
from adapt.registry.licences import (
    _choices,
    check_licences,
    examine,
    folder_licence,
    join_licences,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GPL-2.0-only", "Apache-2.0"),
        ("GPL-2.0-only", "GPL-3.0-only"),
        ("gpl-2.0", "agpl-3.0"),
        ("GPL-3.0-only", "CC-BY-NC-4.0"),
        ("AGPL-3.0-only", "llama3.1"),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"),
        ("CC-BY-SA-4.0", "cc-by-nc-4.0"),
        ("CC-BY-SA-4.0", "gemma"),
        ("CC-BY-SA-3.0", "GPL-3.0-only"),
        ("CC-BY-SA-4.0", "GPL-2.0-only"),
        ("llama3", "gemma"),
        ("CC-BY-NC-SA-4.0", "GPL-3.0-or-later"),
        ("CC-BY-NC-SA-4.0", "openrail"),
    ],
)
def test_a_conflict_is_refused_either_way_and_names_the_parts(first: str, second: str) -> None:
    for parts in ({"one@1": first, "two@1": second}, {"one@1": second, "two@1": first}):
        with pytest.raises(AdaptError, match=r"one@1 .* and two@1 .*--accept-licences"):
            check_licences(parts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("MIT", "Apache-2.0"),
        ("GPL-3.0-only", "Apache-2.0"),
        ("GPL-2.0-or-later", "Apache-2.0"),
        ("GPL-2.0-or-later", "GPL-3.0-only"),
        ("GPL-3.0-only", "CC-BY-SA-4.0"),
        ("CC-BY-NC-4.0", "MIT"),
        ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"),
        ("llama3.1", "apache-2.0"),
        ("llama2", "llama3.1"),
        ("CC-BY-4.0", "GPL-2.0-only"),
        ("GPL-2.0-only OR MIT", "Apache-2.0"),
        ("(GPL-2.0-only OR MIT) AND CC-BY-4.0", "Apache-2.0 WITH LLVM-exception"),
    ],
)
def test_what_goes_together_is_let_pass(first: str, second: str) -> None:
    report = check_licences({"one@1": first, "two@1": second})

    assert report.conflicts == ()
    assert not report.accepted


def test_no_derivatives_is_a_conflict_of_its_own() -> None:
    with pytest.raises(AdaptError, match=r"voice@2 \(CC-BY-NC-ND-4.0\) may not be shared"):
        check_licences({"base": "MIT", "voice@2": "cc-by-nc-nd-4.0"})


def test_a_conflict_that_is_accepted_is_kept_in_the_report() -> None:
    report = check_licences({"a": "GPL-2.0-only", "b": "Apache-2.0"}, accept=True)

    assert report.accepted
    assert len(report.conflicts) == 1
    assert report.expression == "GPL-2.0-only AND Apache-2.0"


def test_what_is_not_known_or_not_stated_is_a_warning_and_no_guess() -> None:
    report = check_licences({"a": "research-only", "b": "", "c": "MIT"})

    assert report.warnings == (
        "b: no licence is stated",
        "'research-only' is not among the licences known here; read it yourself",
    )


def test_two_sets_of_terms_are_a_question_and_duties_are_told() -> None:
    report = examine({"a": "gemma", "b": "llama3.2"})

    assert report.conflicts == ()
    assert "compare their terms yourself" in report.warnings[0]
    assert any("Built with Llama" in one for one in report.asks)


def test_licences_are_joined_each_once() -> None:
    assert join_licences(["MIT", "", "Apache-2.0 AND MIT"]) == "MIT AND Apache-2.0"
    assert join_licences(["MIT OR GPL-3.0-only", "ISC"]) == "(MIT OR GPL-3.0-only) AND ISC"


def test_licences_offered_in_small_letters_stay_together_when_joined() -> None:
    assert join_licences(["mit or isc", "Zlib"]) == "(mit or isc) AND Zlib"
    assert join_licences(["(MIT AND ISC) AND ISC"]) == "(MIT AND ISC) AND ISC"


Expression = tuple[str, list[frozenset[str]]]  # its text, and the sets of which one has to be kept
BLANKS = st.sampled_from([" ", "  ", "\n"])


@st.composite
def combined(draw: st.DrawFn, parts: st.SearchStrategy[Expression]) -> Expression:
    texts, choices = zip(*draw(st.lists(parts, min_size=2, max_size=3)), strict=True)
    operator = draw(st.sampled_from(["AND", "OR", "and", "or"]))
    before, after, inside = draw(BLANKS), draw(BLANKS), draw(st.sampled_from(["", " "]))
    text = f"({inside}{f'{before}{operator}{after}'.join(texts)}{inside})"
    if operator.upper() == "OR":
        return text, [one for option in choices for one in option]
    return text, [frozenset().union(*chosen) for chosen in itertools.product(*choices)]


NAMES = st.sampled_from([one.id for one in LICENCES] + ["apache 2.0", "cc-by-4.0", "research-only"])
LEAVES: st.SearchStrategy[Expression] = st.one_of(
    NAMES.map(lambda name: (name, [frozenset({name})])),
    NAMES.map(lambda name: (f"{name} WITH LLVM-exception", [frozenset({name})])),
)


@given(st.recursive(LEAVES, combined, max_leaves=7))
def test_a_nested_expression_offers_the_sets_of_licences_that_it_means(
    expression: Expression,
) -> None:
    text, sets = expression

    assert set(_choices(text)) == set(sets)
    assert set(_choices(text.replace("( ", "(").replace(" )", ")"))) == set(sets)


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("MIT AND(ISC OR Zlib)", [{"MIT", "ISC"}, {"MIT", "Zlib"}]),
        ("(MIT)OR(ISC)", [{"MIT"}, {"ISC"}]),
        ("MIT OR ISC AND Zlib", [{"MIT"}, {"ISC", "Zlib"}]),
        ("see LICENSE (MIT, or so", [{"see LICENSE (MIT, or so"}]),
        ("MIT OR", [{"MIT OR"}]),
        ("Apache-2.0 with Commons Clause", [{"Apache-2.0 with Commons Clause"}]),
        ("(" * 5000 + "MIT" + ")" * 5000, [{"(" * 5000 + "MIT" + ")" * 5000}]),
    ],
)
def test_an_expression_is_read_and_any_other_text_is_one_name(
    text: str, sets: list[set[str]]
) -> None:
    assert _choices(text) == sets


def test_every_licence_of_the_table_goes_with_itself_but_for_those_without_derivatives() -> None:
    for one in LICENCES:
        assert bool(examine({"a": one.id, "b": one.id}).conflicts) == one.no_derivatives, one.id


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("---\nlicense: cc-by-4.0\n---\n# A model\n", "cc-by-4.0"),
        ("---\nlicense: other\nlicense_name: qwen\n---\n", "qwen"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit AND apache-2.0"),
        ("---\nlicense: [\n---\n", ""),
        ("# A model\n", ""),
    ],
)
def test_a_folder_states_its_licence_in_its_card(tmp_path: Path, text: str, stated: str) -> None:
    (tmp_path / "README.md").write_text(text, encoding="utf-8")

    assert folder_licence(tmp_path) == stated


def test_a_folder_without_a_card_states_none(tmp_path: Path) -> None:
    assert folder_licence(tmp_path) == ""
