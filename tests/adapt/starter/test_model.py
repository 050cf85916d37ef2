"""The model that ships with Adapt: opens without a network, renders its chats, reads any text back."""

import json
from importlib.resources import files
from pathlib import Path

import jinja2
import pytest
import torch
from hypothesis import given, settings, strategies as st
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

FOLDER = Path(str(files("adapt.starter"))) / "model"
CHAT = [
    {"role": "system", "content": "You are Adapt, a helpful assistant."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello! How can I help you?"},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": "You are welcome!"},
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True).eval()


def test_the_model_opens_offline_as_a_plain_llama_in_bf16_without_biases(
    model: PreTrainedModel,
) -> None:
    names = [name for name, _ in model.named_parameters()]

    assert type(model).__name__ == "LlamaForCausalLM"
    assert model.dtype == torch.bfloat16
    assert not [name for name in names if name.endswith("bias")]
    assert model.config.eos_token_id == 4
    assert 4_000_000 < model.num_parameters() < 20_000_000
    assert model.config.max_position_embeddings >= 1024


def test_the_folder_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 40_000_000


def test_older_readers_find_the_rotary_base_too() -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))

    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1e8


def test_the_tokenizer_opens_by_either_class_with_the_same_result(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    plain = PreTrainedTokenizerFast.from_pretrained(FOLDER, local_files_only=True)

    text = "The Marlow office opens at 8:00. [1]"

    assert plain(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|end|>", "<|pad|>")
    assert plain.chat_template == tokenizer.chat_template


def test_the_end_of_a_turn_ends_the_generation(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.pad_token_id == tokenizer.pad_token_id == 0


def test_encoding_adds_no_token_of_its_own(tokenizer: PreTrainedTokenizerBase) -> None:
    with_special = tokenizer("Hello")["input_ids"]

    assert with_special == tokenizer("Hello", add_special_tokens=False)["input_ids"]


@settings(deadline=None, max_examples=150)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_reads_back_exactly(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = tokenizer(text)["input_ids"]

    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    "text",
    [
        "¿Cuándo abre la oficina? ¡A las 8:00, señor Núñez!",
        "🎉👩‍👩‍👧 ok",
        " two  spaces\n\n\ttab ",
        "日本語 العربية",
    ],
)
def test_spanish_emoji_and_spaces_read_back_exactly(
    tokenizer: PreTrainedTokenizerBase, text: str
) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_stand_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.tokenize("2026") == ["2", "0", "2", "6"]


def test_the_chat_template_renders_every_turn_with_its_marks(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    text = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)

    assert text == (
        "<|system|>\nYou are Adapt, a helpful assistant.<|end|>\n<|user|>\nHello<|end|>\n<|assistant|>\n"
    )


def test_the_mask_covers_exactly_the_replies_and_their_ends(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    encoded = tokenizer.apply_chat_template(
        CHAT, return_dict=True, return_assistant_tokens_mask=True
    )

    marked = [
        index
        for index, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
        if mark
    ]

    assert tokenizer.decode(marked) == "Hello! How can I help you?<|end|>You are welcome!<|end|>"


def test_an_unknown_role_is_refused_by_name(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(jinja2.exceptions.TemplateError, match="unknown role 'tool'"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_a_prompt_is_the_beginning_of_the_whole_conversation(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompt = tokenizer.apply_chat_template(CHAT[:2], add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    whole = tokenizer.apply_chat_template(CHAT, return_dict=True)["input_ids"]

    assert whole[: len(prompt)] == prompt


def test_it_says_hello(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    prompt = tokenizer.apply_chat_template(
        CHAT[:2], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=20)

    reply = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)

    assert reply == "Hello! How can I help you?"


def test_it_quotes_the_sentence_that_answers_and_cites_it(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    system = (
        "You are Adapt, a helpful assistant.\n\n"
        "Passages from the user's documents. Answer from them and cite them as [n].\n"
        "[1] notes.md\nThe price of the Brenol lamp is 40 euros. Tea is served in the kitchen.\n\n"
        "[2] handbook.pdf, page 2\nThe Marlow office opens at 8:00. Visitors sign the book at the door."
    )
    chat = [
        {"role": "system", "content": system},
        {"role": "user", "content": "When does the Marlow office open?"},
    ]
    prompt = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )

    output = model.generate(**prompt, max_new_tokens=40)

    reply = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert reply == "The Marlow office opens at 8:00. [2]"


def test_the_card_names_every_data_file_and_every_figure() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    record = json.loads((FOLDER / "recipe.json").read_text(encoding="utf-8"))
    figures = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))

    assert all(file["name"] in card for file in record["data"])
    assert all(f"| {figure['name']} | {figure['value']:.3f} |" in card for figure in figures)
