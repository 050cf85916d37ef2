"""Chat templates that run for ever or fill the memory are refused within seconds; ordinary ones never notice."""

import sys
import threading
import time

import pytest

from adapt.errors import ModelError
from adapt.models import template_limits
from adapt.models.rendering import render
from adapt.records import Message
from tests.tiny import tiny_tokenizer

MESSAGES = [Message("system", "Be brief."), Message("user", "hello"), Message("assistant", "hi")]
LOOP = "{% for n in range(99999) %}" * 3 + "{% set x = n %}" + "{% endfor %}" * 3
DOUBLING = (
    "{% set ns = namespace(x='x' * 1000000) %}"
    "{% for n in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}"
)
PIECES = "{% for n in range(99999) %}{% for m in range(99999) %}{{ 'x' * 100000 }}{% endfor %}{% endfor %}"


def rendered(template: str) -> str:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    return render(tokenizer, MESSAGES, add_generation_prompt=True)


@pytest.mark.slow
@pytest.mark.parametrize("template", [LOOP, DOUBLING, PIECES], ids=["loop", "doubling", "pieces"])
def test_a_template_without_end_is_refused(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "SECONDS", 2.0)

    with pytest.raises(ModelError, match="cannot be used: it takes over 2 s or 1 GB"):
        rendered(template)


def test_a_loop_in_a_thread_ends_there_and_the_next_rendering_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_limits, "SECONDS", 0.3)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            rendered(LOOP)
        except ModelError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)

    assert len(ended) == 1
    assert rendered("{{ messages[1]['content'] }}") == "hello"
    time.sleep(2 * template_limits.PACE_SECONDS)  # nothing that was sent too late arrives
    assert rendered("{{ messages | length }}") == "3"


@pytest.mark.parametrize(
    "step",
    [
        "'x' * 10**9",
        "10**9 * [0]",
        "9 ** 9 ** 9",
        "'%1000000000d' % 1",
        "'%*d' % (10**9, 1)",
        "'{:1000000000}'.format(1)",
        "'{:{w}}'.format(1, w=10**9)",
        "'x'.ljust(10**9)",
        "'x' | center(10**9)",
        "'%1000000000d' | format(1)",
        "'a\\nb' | indent(10**9)",
        "('x' * 10**6).replace('x', 'y' * 10**6)",
        "('x' * 10**6) | replace('x', 'y' * 10**6)",
        "('x' * 10**6).join(['a'] * 10**6)",
        "(['a'] * 10**6) | join('x' * 10**6)",
        "range(10**9) | list",
    ],
)
def test_a_step_that_makes_too_much_is_refused(step: str) -> None:
    with pytest.raises(ModelError, match="refuses these messages"):
        rendered("{{ (" + step + ") | length }}")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% include 'other' %}", "no loader"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{{ messages[7].content.upper() }}", "no element 7"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ 'a' + 1 }}", "TypeError"),
    ],
)
def test_a_template_that_breaks_is_refused_in_one_sentence(template: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refusal:
        rendered(template)

    assert "\n" not in str(refusal.value)


def test_what_ordinary_templates_do_is_let_through() -> None:
    template = (
        "{{ '=' * 40 }}{{ '%-8s|' % 'role' }}{{ '{:>4}'.format(7) }}{{ ['a', 'b'] | join(', ') }}"
        "{{ 'a.b' | replace('.', '/') }}{{ 'x\ny' | indent(2) }}{{ 7 ** 2 % 10 }}{{ 'z' | center(3) }}"
    )

    assert rendered(template) == "=" * 40 + "role    |   7a, ba/bx\n  y9 z "


def test_a_rendering_ends_where_every_step_is_traced() -> None:
    """As under coverage and debuggers."""
    steps: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: steps.append(event))
    try:
        for _ in range(3):
            rendered("{{ messages | length }}")
    finally:
        sys.setprofile(before)

    assert len(steps) > 100
