"""Greedy decoding that may only quote: every answer is a sentence of the passages with its number, or that they do not say.

It shows what the model knows where its copying slips: it still chooses where to quote, but cannot misquote.
"""

import re

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adapt.starter.recipe.exercises import NOT_SAID
from adapt.starter.recipe.passages import split_sentences

_PASSAGE = re.compile(r"^\[(\d+)\] .*\n(.*)$", re.MULTILINE)


def allowed_answers(system: str) -> list[str]:
    """Return every answer that the passages of a system message allow."""
    passages = system.split("cite them as [n].\n", 1)[-1]
    cited = [
        f"{sentence} [{number}]"
        for number, text in _PASSAGE.findall(passages)
        for sentence in split_sentences(text)
    ]
    return list(dict.fromkeys([*cited, *NOT_SAID.values()]))


@torch.no_grad()
def quote(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    messages: tuple[tuple[str, str], ...],
) -> str:
    """Return the allowed answer that greedy decoding reaches: the likeliest token wherever several may follow."""
    chat = [{"role": role, "content": content} for role, content in messages]
    prompt = tokenizer.encode(
        str(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))
    )
    alive = {one: tokenizer.encode(one + "<|end|>") for one in allowed_answers(messages[0][1])}
    place = 0
    while len(alive) > 1:
        following = sorted({tokens[place] for tokens in alive.values()})
        token = following[0]
        if len(following) > 1:
            prefix = next(iter(alive.values()))[:place]
            logits = model(input_ids=torch.tensor([prompt + prefix])).logits[0, -1]
            token = following[int(logits[following].argmax())]
        alive = {one: tokens for one, tokens in alive.items() if tokens[place] == token}
        place += 1
    return next(iter(alive))
