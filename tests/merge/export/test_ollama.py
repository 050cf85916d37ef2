"""A chat template in Ollama's language writes what the tokenizer's own writes, or is refused."""

import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from adapt.errors import ModelError
from adapt.models.loading import load_tokenizer
from adapt.models.rendering import render
from adapt.records import Message
from adapt.workspace.folder import Workspace
from merge.export.export import export
from merge.export.job import Request
from merge.export.ollama import marks_of, modelfile
from tests.merge.export.exported import publish_model
from tests.merge.families import tokenizer_of

STARTER = Path(str(files("adapt.starter"))) / "model"
CHATML = (
    "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n"
    "{% else %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}"
    "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}"
    "{% else %}{% set rest = messages %}{% set system = false %}{% endif %}"
    "{% for m in rest %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first and system %}{{ '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' }}{% endif %}"
    "{{ m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n"
    "{{ m['content'] }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
COUNTS = "{{ messages | length }} messages: " + CHATML
SYSTEM = Message("system", "Be brief.")
TALK = [
    Message("user", "Hi"),
    Message("assistant", "Yes?"),
    Message("user", 'a "quoted" {{ word }}'),
]


def tokenizer_with(template: str, *, bos: bool = False) -> PreTrainedTokenizerFast:
    tokenizer = tokenizer_of("smollm", bos=bos)
    tokenizer.chat_template = template
    return tokenizer


@dataclass
class Go:
    """Runs the few actions of Go's templates that ours are made of."""

    actions: list[str]
    messages: list[Message]
    out: list[str] = field(default_factory=list)
    later: bool = False

    @property
    def system(self) -> str:
        return next((message.content for message in self.messages if message.role == "system"), "")

    def walk(self, place: int, message: Message | None, *, live: bool) -> int:
        """Run from an action to the `else` or `end` that closes it, and return that one's place."""
        while place < len(self.actions):
            action = self.actions[place]
            if action.startswith(("else", "end")):
                break
            if action.startswith("range"):
                place = self.repeat(place)
            elif action.startswith("if "):
                place = self.choose(place, message, live=live)
            else:
                if live:
                    self.act(action, message)
                place += 1
        return place

    def act(self, action: str, message: Message | None) -> None:
        if action.startswith('"'):
            self.out.append(json.loads(action))
        elif action == ".Content":
            assert message is not None
            self.out.append(message.content)
        elif action == ".System":
            self.out.append(self.system)
        else:
            self.later = {"$later := false": False, "$later = true": True}[action]

    def repeat(self, place: int) -> int:
        end = place
        for message in self.messages:
            end = self.walk(place + 1, message, live=True)
        return end + 1

    def choose(self, place: int, message: Message | None, *, live: bool) -> int:
        taken = False
        while self.actions[place] != "end":
            condition = self.actions[place].removeprefix("else").strip().removeprefix("if ")
            chosen = live and not taken and self.holds(condition, message)
            taken = taken or chosen
            place = self.walk(place + 1, message, live=chosen)
        return place + 1

    def holds(self, condition: str, message: Message | None) -> bool:
        role = message.role if message else ""
        return {
            "": True,
            ".System": bool(self.system),
            "or $later (not $.System)": self.later or not self.system,
            'eq .Role "user"': role == "user",
            'eq .Role "assistant"': role == "assistant",
        }[condition]


def run_go(template: str, messages: list[Message]) -> str:
    """Return what Go would write of a template that is nothing but actions."""
    actions = re.findall(r"\{\{ (.*?) \}\}(?=\{\{|$)", template)
    assert "".join(f"{{{{ {action} }}}}" for action in actions) == template
    go = Go(actions, messages)
    go.walk(0, None, live=True)
    return "".join(go.out)


@pytest.mark.parametrize(
    ("template", "bos"),
    [(CHATML, False), (LLAMA2, True), (GEMMA, False), ("{{ bos_token }}" + CHATML, True)],
    ids=["chatml with a system of its own", "llama 2", "gemma", "first token"],
)
def test_what_go_writes_is_what_the_template_writes(template: str, bos: bool) -> None:
    tokenizer = tokenizer_with(template, bos=bos)
    if template == LLAMA2:  # a first token before each question is more than a mark before a turn
        tokenizer.chat_template = LLAMA2.replace(
            "bos_token + ", "(bos_token if loop.first else '') + "
        )

    go = marks_of(tokenizer).go()

    for talk in ([TALK[0]], TALK, [SYSTEM, TALK[0]], [SYSTEM, *TALK]):
        want = render(tokenizer, talk, add_generation_prompt=True)
        assert run_go(go, talk) == want.removeprefix("<s>" if bos else "")


def test_the_starters_template_is_said() -> None:
    text = modelfile(load_tokenizer(STARTER), gguf="model.gguf", licence="CC-BY-4.0")

    assert text.startswith('FROM ./model.gguf\nTEMPLATE """{{ if .System }}')
    assert 'PARAMETER stop "<|end|>"' in text
    assert 'LICENSE """CC-BY-4.0"""' in text


def test_a_template_that_does_more_is_refused() -> None:
    with pytest.raises(ModelError, match="does more than write marks around each turn"):
        marks_of(tokenizer_with(COUNTS))
    with pytest.raises(ModelError, match="does more than write marks around each turn"):
        marks_of(tokenizer_with("{% for m in messages %}{{ m.role }}{% endfor %}"))


@pytest.mark.slow
def test_an_ollama_folder_holds_file_modelfile_and_card(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path
) -> None:
    publish_model(workspace, "team", tiny_folder, licence="MIT")

    exported = export(workspace, ["team"], tmp_path / "out", Request(form="ollama", kind="q8_0"))

    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "Modelfile",
        "model.gguf",
        "README.md",
    }
    assert exported.verification.verified is False
    assert exported.verification.sentence.startswith("not opened in Ollama itself; the GGUF file")
    assert "FROM ./model.gguf" in (tmp_path / "out" / "Modelfile").read_text()
