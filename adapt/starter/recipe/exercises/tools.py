"""Requests that call for a tool: JSON schemas in the prompt, and one JSON object as the answer.

Most tools of training are made of any words, so that names and keys are read in the schema: of 16 verbs, 20 things and 13
parameters a starter learned the names, and of others made a valid call in 4 of 100 cases.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from adapt.starter.recipe.texts.coined import FIRST_NAMES, coin_name, coin_value

Value = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """A parameter: its JSON type, the words that give it in a request (`{}` for the value), and a value maker."""

    name: str
    kind: str
    phrases: tuple[str, ...]
    make: Callable[[random.Random, bool], Value]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tool:
    """A tool: what it is for, how people ask for it, and what it takes."""

    name: str
    description: str
    asked: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def schema(self, shown: tuple[Parameter, ...]) -> dict[str, object]:
        """Return the JSON schema in the form that `apply_chat_template(tools=…)` takes."""
        properties: dict[str, object] = {}
        for parameter in shown:
            properties[parameter.name] = {
                "type": parameter.kind,
                **({"enum": list(parameter.choices)} if parameter.choices else {}),
            }
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": {"type": "object", "properties": properties, "required": [parameter.name for parameter in shown]},
            },
        }  # fmt: skip


def _words(rng: random.Random, held_out: bool) -> str:
    return " ".join(coin_name(rng, held_out=held_out).lower() for _ in range(rng.randint(1, 2)))


def _name(rng: random.Random, held_out: bool) -> str:
    return rng.choice(FIRST_NAMES) if rng.random() < 0.4 else coin_name(rng, held_out=held_out)


def _whole(low: int, high: int) -> Callable[[random.Random, bool], Value]:
    return lambda rng, _: rng.randint(low, high)


def _of(kind: str) -> Callable[[random.Random, bool], Value]:
    return lambda rng, held_out: coin_value(rng, kind, spanish=False, held_out=held_out)


def _choice(name: str, phrases: tuple[str, ...], choices: tuple[str, ...]) -> Parameter:
    return Parameter(name, "string", phrases, lambda rng, _: rng.choice(choices), choices)


def _tenth(rng: random.Random, _: bool) -> Value:
    return round(rng.randint(1, 990) / 10, 1)


_VERBS = (
    "create",
    "add",
    "get",
    "find",
    "send",
    "delete",
    "update",
    "start",
    "stop",
    "open",
    "book",
    "order",
    "check",
    "list",
    "move",
    "print",
)
_THINGS = (
    "timer",
    "note",
    "invoice",
    "message",
    "ticket",
    "room",
    "report",
    "file",
    "contact",
    "meeting",
    "reminder",
    "lamp",
    "playlist",
    "order",
    "device",
    "task",
    "recipe",
    "car",
    "page",
    "customer",
)
_VERBS_HELD_OUT = ("cancel", "rename", "schedule", "share", "archive")
_THINGS_HELD_OUT = ("alarm", "printer", "folder", "flight", "parcel", "survey")
_PARAMETERS = (
    Parameter("city", "string", ("in {}", "for the city {}"), _name),
    Parameter("name", "string", ("named {}", "called {}", "with the name {}"), _words),
    Parameter("recipient", "string", ("to {}", "for {}"), _name),
    Parameter("minutes", "integer", ("for {} minutes", "of {} minutes"), _whole(1, 90)),
    Parameter("quantity", "integer", ("with quantity {}", "{} of them"), _whole(2, 60)),
    Parameter("amount", "number", ("with an amount of {}", "over {}"), _tenth),
    Parameter("time", "string", ("at {}",), _of("time")),
    Parameter("code", "string", ("with code {}", "number {}"), _of("code")),
    Parameter("email", "string", ("by email to {}", "with the address {}"), _of("email")),
    Parameter("date", "string", ("on {}",), lambda rng, _: f"{rng.randint(2000, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"),
    _choice("colour", ("in {}", "with colour {}"), ("red", "green", "blue", "white")),
    _choice("priority", ("with {} priority", "as {} priority"), ("low", "normal", "high")),
    _choice("unit", ("in {}",), ("celsius", "fahrenheit", "kelvin")),
)  # fmt: skip
_PARAMETERS_HELD_OUT = (
    Parameter("title", "string", ("titled {}", "with the title {}"), _words),
    Parameter("guests", "integer", ("with {} guests",), _whole(2, 40)),
    Parameter("country", "string", ("in {}",), _name),
    Parameter("weight", "number", ("with a weight of {}",), _tenth),
    Parameter("hour", "string", ("at {}",), _of("time")),
    _choice("size", ("in size {}",), ("small", "medium", "large")),
)  # fmt: skip
_NAMES_HELD_OUT = {
    *_VERBS_HELD_OUT,
    *_THINGS_HELD_OUT,
    *(parameter.name for parameter in _PARAMETERS_HELD_OUT),
}
_POLITE = ("{}", "Please {}.", "{}, please", "Can you {}?", "I want to {}.", "{}!", "Could you {}?")


_KEYED = (
    "with {key} {{}}",
    "with the {key} {{}}",
    "{key} {{}}",
    "whose {key} is {{}}",
    "with a {key} of {{}}",
    "where the {key} is {{}}",
    "in {key} {{}}",
    "using {{}} as {key}",
    "{key}: {{}},",
)
_COUNTED = ("with {{}} {key}", "for {{}} {key}", "of {{}} {key}", "{{}} {key}")
_BARE = (
    "in {}",
    "at {}",
    "for {}",
    "to {}",
    "on {}",
    "of {}",
    "from {}",
    "with {}",
    "about {}",
    "as {}",
)


def make_tool(rng: random.Random, words: list[str], *, held_out: bool) -> Tool:
    """Return a tool with one to three parameters, in training often of any of the words."""
    coined = not held_out and rng.random() < 0.7
    verb = rng.choice(_VERBS_HELD_OUT if held_out else _VERBS)
    thing = rng.choice(_THINGS_HELD_OUT if held_out else _THINGS)
    if coined:
        verb, thing = (_any(rng, words) if rng.random() < 0.8 else word for word in (verb, thing))
    pool = _PARAMETERS_HELD_OUT if held_out else _PARAMETERS
    parameters = rng.sample(pool, k=rng.choice((1, 1, 2, 2, 3)))
    if coined:
        parameters = _coin_parameters(rng, words, parameters)
    article = "an" if thing[0] in "aeiou" else "a"
    return Tool(f"{verb}_{thing}", f"{verb} {article} {thing}".capitalize(), (f"{verb} {article} {thing}", f"{verb} the {thing}"), tuple(parameters))  # fmt: skip


def _any(rng: random.Random, words: list[str]) -> str:
    """Return a word that names nothing in evaluation."""
    while (word := rng.choice(words)) in _NAMES_HELD_OUT:
        pass
    return word


def _coin_parameters(
    rng: random.Random, words: list[str], parameters: list[Parameter]
) -> list[Parameter]:
    """Return as many parameters, some of them of any words; a value is told without its key where no other is like it."""
    coined: dict[str, Parameter] = {}
    kinds = [
        rng.choice(("string", "string", "integer", "number", "choice", "known")) for _ in parameters
    ]
    for kind, known in zip(kinds, parameters, strict=True):
        if kind == "known":
            coined[known.name] = known
            continue
        key = "_".join(_any(rng, words) for _ in range(rng.choice((1, 1, 1, 2))))
        words_of_key = key.replace("_", " ")
        alone = kinds.count(kind) == 1 and "known" not in kinds
        phrases = tuple(
            phrase.format(key=words_of_key)
            for phrase in _KEYED + (_COUNTED if kind == "integer" else ())
        )
        phrases = (*phrases, *_BARE) if alone else phrases
        if kind == "choice":
            coined[key] = _choice(
                key, phrases, tuple({_any(rng, words): None for _ in range(rng.randint(2, 4))})
            )
        elif kind == "string":
            coined[key] = Parameter(key, kind, phrases, rng.choice(_STRINGS))
        else:
            value = _tenth if kind == "number" else _whole(1, rng.choice((20, 100, 9000)))
            coined[key] = Parameter(key, kind, phrases, value)
    return list(coined.values())


_STRINGS: tuple[Callable[[random.Random, bool], Value], ...] = (
    _words, _name, _of("time"), _of("code"), _of("email"), _of("person"), _of("year"), _of("place"), _of("topic"),
)  # fmt: skip


def make_calls(
    rng: random.Random, words: list[str], count: int, *, held_out: bool
) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
    """Return tools as JSON schemas, and requests with their calls as JSON."""
    tools: list[Tool] = []
    while len(tools) < rng.choice((1, 2, 2, 3)):
        tool = make_tool(rng, words, held_out=held_out)
        if tool.name not in {shown.name for shown in tools}:
            tools.append(tool)
    pairs = [_request(rng, rng.choice(tools), held_out=held_out) for _ in range(count)]
    return [shown.schema(shown.parameters) for shown in tools], pairs


def _request(rng: random.Random, tool: Tool, *, held_out: bool) -> tuple[str, str]:
    """Return a request for a tool and the call as JSON."""
    arguments: dict[str, Value] = {}
    request = rng.choice(tool.asked)
    order = list(tool.parameters)
    rng.shuffle(order)
    for parameter in order:
        value = parameter.make(rng, held_out)
        arguments[parameter.name] = value
        request += " " + rng.choice(parameter.phrases).format(value)
    request = rng.choice(_POLITE).format(request)
    call = {
        "name": tool.name,
        "arguments": {parameter.name: arguments[parameter.name] for parameter in tool.parameters},
    }
    return request[0].upper() + request[1:], json.dumps(call, ensure_ascii=False)
