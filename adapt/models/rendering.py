"""Messages → the text that a model reads, by the chat template of its tokenizer.

Owns three things that every caller must get alike: the fallback template for bases without one, the folding of a system
message for templates that refuse it, and the defusing of control tokens in what users and documents write.
"""

from collections.abc import Sequence

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from adapt.errors import ModelError
from adapt.models.template_limits import TemplateTooLongError, limited
from adapt.records import Message

# what a template, somebody else's program, can end with beside Jinja's own errors
BREAKS = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError,
)  # fmt: skip
# For bases without a chat template: readable by any model, ends every turn with its end-of-sequence token, and marks the
# assistant's part so that trl can train on it alone.
FALLBACK_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}Assistant: "
    "{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}\n"
    "{% else %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant: {% endif %}"
)


def prepare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Give a tokenizer a padding token and a chat template where it lacks them; return whether the template is ours.

    Raises:
        ModelError: the tokenizer has no end-of-sequence token, so that no answer could ever end.
    """
    if tokenizer.eos_token is None:
        raise ModelError(
            f"the tokenizer of '{tokenizer.name_or_path}' has no end-of-sequence token; set eos_token "
            "in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = FALLBACK_TEMPLATE
        return True
    return False


def render(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    *,
    add_generation_prompt: bool,
) -> str:
    """Return the text of a conversation in the form that the model was made for.

    Control tokens inside a message (`<|end|>`, `</s>` …) are split by a space, so that text cannot pose as a turn. A system
    message goes into the first user turn where the template refuses it (Gemma, older Mistral).

    Raises:
        ModelError: the template refuses the conversation even so.
    """
    safe = [Message(m.role, defuse(tokenizer, m.content)) for m in messages]
    try:
        return _apply(tokenizer, safe, add_generation_prompt)
    except TemplateTooLongError as error:
        raise ModelError(f"the base's chat template cannot be used: {error}") from error
    except TemplateError as refusal:
        folded = fold_system(safe)
        if folded == safe:
            raise ModelError(
                f"the base's chat template refuses these messages: {refusal}"
            ) from refusal
        try:
            return _apply(tokenizer, folded, add_generation_prompt)
        except TemplateError as error:
            raise ModelError(f"the base's chat template refuses these messages: {error}") from error


def _apply(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], add_generation_prompt: bool
) -> str:
    try:
        with limited():
            text = tokenizer.apply_chat_template(
                [m.as_dict() for m in messages],
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                # Qwen3 and SmolLM3 think aloud unless switched off: the thoughts would fill the answer and be cut off
                enable_thinking=False,
            )
    except BREAKS as error:
        raise TemplateError(f"{type(error).__name__}: {error}") from error
    return str(text)


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """Return the conversation with its leading system message put before the first user message."""
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return list(messages)
    merged = Message("user", f"{messages[0].content}\n\n{messages[1].content}")
    return [merged, *messages[2:]]


def defuse(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return text in which no control token of the tokenizer occurs."""
    for token in control_tokens(tokenizer):
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the tokens by which a model is told of turns and ends; those of one character are left out."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    named = dict.fromkeys([*tokenizer.all_special_tokens, *added])
    return [token for token in named if len(token) > 1]


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids of rendered text; the template has written every control token itself, so none is added."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
