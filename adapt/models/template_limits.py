"""Limits for chat templates, which are programs of whoever made the base: of time, of memory, of the length of one text.

Jinja's sandbox keeps a template from the machine's files; it does not keep it from running for ever, or from filling the
memory. The first is watched from another thread, which ends a rendering between two of its steps; the second by Jinja's own
hooks, since one step (`'x' * 10**10`) cannot be ended.
"""

import ctypes
import functools
import re
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import Environment
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from transformers.utils import chat_template_utils

SECONDS = 5.0  # a conversation of 60 turns takes milliseconds
LONGEST = 10_000_000  # characters of one text, or entries of one list, that a step may make
GROWTH_BYTES = 1_000_000_000  # of memory, once a rendering takes longer than the watch's pace
PACE_SECONDS = 0.2
FILTERS = ("center", "format", "indent", "join", "replace", "wordwrap", "batch", "slice")


class TemplateTooLongError(TemplateError):
    """A chat template that takes longer, or more memory, than any conversation needs."""


class _Watch:
    """The renderings under way, and the thread that ends those that take too long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[
            int, tuple[float, int]
        ] = {}  # thread: when it began, peak memory then
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what this thread does within."""
        thread = threading.get_ident()
        with self._lock:
            self._under_way[thread] = time.monotonic(), _peak()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="templates", daemon=True)
                self._thread.start()
            self._wake.set()
        arrived = False
        try:
            yield
        except TemplateTooLongError:
            arrived = True
            raise
        finally:
            with self._lock:
                was_sent = self._under_way.pop(thread, None) is None
            if was_sent and not arrived:
                # taken here, so that it strikes nothing that comes later; it cannot be taken back: CPython 3.11 would look
                # for it at every step from then on, and never end one that is traced
                while True:
                    time.sleep(0.001)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(PACE_SECONDS)
            now, peak = time.monotonic(), _peak()
            with self._lock:
                for thread, (began, before) in list(self._under_way.items()):
                    took = now - began
                    if took > SECONDS or (took > PACE_SECONDS and peak - before > GROWTH_BYTES):
                        _interrupt(thread)
                        del self._under_way[thread]
                if not self._under_way:
                    self._wake.clear()


_WATCH = _Watch()


def _peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _interrupt(thread: int) -> None:
    """Raise `TemplateTooLongError` in a thread at its next step."""
    error = ctypes.py_object(TemplateTooLongError)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


@contextmanager
def limited() -> Iterator[None]:
    """Hold a rendering to its limits.

    Raises:
        TemplateError: it passed one of them.
    """
    try:
        with _WATCH.watched():
            yield
    except TemplateTooLongError as error:
        raise TemplateTooLongError(
            f"it takes over {SECONDS:g} s or {GROWTH_BYTES / 1e9:g} GB of memory; use another base, or mend its template"
        ) from error


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no single step makes a text or a list of more than `LONGEST` characters or entries."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, *given: Any, **named: Any) -> None:
        """Make the sandbox, and limit those of its filters that can make much of little."""
        super().__init__(*given, **named)
        for name in FILTERS:
            self.filters[name] = _limited(self.filters[name], name)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute an operation, unless what comes out would be too long."""
        if operator == "%":
            _check_form(left)
        elif operator == "**":
            _check(_digits(left) * abs(right) if isinstance(right, int) else 0)
        elif isinstance(left, int) and isinstance(right, int):
            _check(_digits(left) + _digits(right))
        else:
            _check(max(_times(left, right), _times(right, left)))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __called: Any, *given: Any, **named: Any) -> Any:  # noqa: N805  as Jinja's: a template may name an argument `self`
        """Call what a template calls, unless what comes out would be too long."""
        method = getattr(__called, "__wrapped__", __called)  # Jinja's own around `str.format`
        owner = getattr(method, "__self__", None)
        _check_call(getattr(method, "__name__", ""), owner, (*given, *named.values()))
        return super().call(__context, __called, *given, **named)


def _limited(made: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a filter that refuses to make too much."""

    @functools.wraps(made)  # Jinja reads what it has to pass from the function's attributes
    def checked(*given: Any, **named: Any) -> Any:
        first = next((n for n, value in enumerate(given) if not _is_jinjas(value)), 0)
        _check_call(name, given[first], (*given[first + 1 :], *named.values()))
        return made(*given, **named)

    return checked


def _is_jinjas(value: object) -> bool:
    return isinstance(value, Environment | EvalContext | Context)


def _check_call(name: str, owner: Any, given: tuple[Any, ...]) -> None:
    """Refuse a call of a method or filter whose arguments make its result too long."""
    for argument in given:
        if isinstance(argument, int):
            _check(argument)
    if name in {"format", "format_map"}:
        _check_form(owner)
    elif (
        name == "replace" and isinstance(owner, str) and all(isinstance(a, str) for a in given[:2])
    ):
        _check(len(owner) + owner.count(given[0]) * len(given[1]))
    elif name == "join":
        parts, between = (
            (given[0], owner) if isinstance(owner, str) else (owner, given[0] if given else "")
        )
        if isinstance(parts, list | tuple):
            _check(sum(len(str(part)) + len(str(between)) for part in parts))


def _check_form(form: Any) -> None:
    """Refuse a form that asks for more places than `LONGEST`, or leaves their number to its arguments."""
    if isinstance(form, str):
        for number in re.findall(r"\d{7,}", form):
            _check(int(number[:12]))
        if "%*" in form or ".*" in form:
            raise SecurityError("a form takes its width from its arguments")


def _times(sequence: Any, count: Any) -> int:
    """Return how long a sequence is when it is repeated, 0 where this is no repetition."""
    repeats = isinstance(sequence, str | bytes | list | tuple) and isinstance(count, int)
    return len(sequence) * count if repeats else 0


def _digits(number: Any) -> int:
    """Return about how many digits a whole number has, 0 for what is none."""
    return number.bit_length() // 3 if isinstance(number, int) else 0


def _check(size: int) -> None:
    if size > LONGEST:
        raise SecurityError(f"one step makes {size:,} characters or entries")


# transformers makes the environment itself and has no setting for its class
chat_template_utils.ImmutableSandboxedEnvironment = LimitedEnvironment  # type: ignore[attr-defined]
