"""Training the starter: the forward pass is a Llama's, heads are shown the right places, and a run resumes exactly."""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from adapt.errors import DataError
from adapt.starter.recipe.__main__ import LATER_POOL, main
from adapt.starter.recipe.attention.guides import COPY, HEADS, Guide, collate_guides, guide_losses
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.exercises.preferences import NOT_SAID
from adapt.starter.recipe.measuring.card import write_card
from adapt.starter.recipe.texts.corpus import Corpus
from adapt.starter.recipe.texts.mixed import stem
from adapt.starter.recipe.training.batches import Batch, Stream, encode_exercises
from adapt.starter.recipe.training.copying import CopyProbe
from adapt.starter.recipe.training.embeddings import token_vectors
from adapt.starter.recipe.training.files import CHECKPOINT, load_checkpoint
from adapt.starter.recipe.training.forward import Passed, forward
from adapt.starter.recipe.training.initialise import (
    TOKEN_FROM,
    configuration,
    standard_model,
    starting_model,
)
from adapt.starter.recipe.training.optimise import Optimisers, schedule
from adapt.starter.recipe.training.record import read_curve
from adapt.starter.recipe.training.train import TrainSettings, naming_loss, train


def tiny_model(tokens: int, *, layers: int = 5) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokens,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=False,
            eos_token_id=4,
            pad_token_id=0,
        )
    )


class CutStream(Stream):
    """A stream that ends early, as a run does whose machine goes away."""

    stop = 0

    def batches(self, *, pool: int = 0, skip: int = 0) -> Iterator[tuple[int, int, Batch]]:
        return itertools.islice(super().batches(pool=pool, skip=skip), self.stop)


def test_the_forward_pass_for_training_is_transformers_own() -> None:
    model = tiny_model(300).eval()
    ids = torch.randint(0, 300, (2, 70), generator=torch.Generator().manual_seed(1))

    with torch.no_grad():
        hidden, _, looked, _ = forward(model, ids, HEADS, COPY)
        expected = model.model(input_ids=ids).last_hidden_state

    assert torch.allclose(hidden, expected, atol=1e-5)
    assert {layer: scores.shape[1] for layer, scores in looked.items()} == HEADS


def test_what_the_copying_heads_write_of_a_token_is_what_they_write_when_they_see_no_other() -> (
    None
):
    model = tiny_model(300).eval()
    attention = model.model.layers[COPY].self_attn
    width = HEADS[COPY] * attention.head_dim
    written: list[torch.Tensor] = []
    attention.register_forward_hook(lambda _m, _i, output: written.append(output[0]))
    with torch.no_grad():
        attention.o_proj.weight[:, width:] = 0  # the other heads say nothing

        for token in (7, 123):
            ids = torch.tensor([[token]])
            model.model(input_ids=ids)
            assert torch.allclose(forward(model, ids, HEADS, COPY).copied, written[-1], atol=1e-6)

    assert not torch.allclose(written[0], written[1])


def test_naming_costs_nothing_where_the_copying_heads_name_what_they_see() -> None:
    model = tiny_model(300)
    ids = torch.arange(1, 16)[None]
    with torch.no_grad():
        model.lm_head.weight.copy_(torch.eye(300, 16))
    clear = 50 * torch.eye(16)[ids]
    size = torch.ones(1, 15)

    right = naming_loss(model, Passed(clear, size, {}, clear), ids)
    wrong = naming_loss(model, Passed(clear, size, {}, clear.roll(1, dims=1)), ids)

    assert right.item() < 1e-3
    assert wrong.item() > 10


def test_a_head_that_looks_where_it_is_shown_has_no_loss() -> None:
    guide = Guide(copy=[(3, 1)], begin=[(2, 0)])
    targets = collate_guides([guide])
    right = {layer: torch.full((1, heads, 4, 4), -50.0) for layer, heads in HEADS.items()}
    right[0][0, 0].diagonal(-1).fill_(0.0)
    right[4][0, :, 3, 1] = right[4][0, :, 2, 0] = 0.0
    wrong = {layer: scores.roll(1, dims=-1) for layer, scores in right.items()}

    good, bad = guide_losses(right, targets), guide_losses(wrong, targets)

    assert set(good) == {"before", "begin", "begin too", "copy", "copy too"}
    assert all(loss < 1e-3 for loss in good.values())
    assert all(loss > 10 for loss in bad.values())


@pytest.mark.parametrize("kind", ["quote", "real", "fact", "preference", "feedback"])
def test_what_is_shown_is_the_token_that_comes_next(
    training: ExerciseSource, tokenizer: Tokenizer, kind: str
) -> None:
    rng = random.Random(9)
    shown = asking = 0
    for exercise in [make_exercise(rng, training, kind) for _ in range(20)]:
        sample = encode_exercises(tokenizer, [exercise])[0]
        texts = [tokenizer.decode([index], skip_special_tokens=False) for index in sample.ids]
        for token, target in sample.guide.begin + sample.guide.copy:
            assert target <= token
            if target:
                shown += 1
                following, there = texts[token + 1].strip(), texts[target].strip()
                assert following in there or there in following
        for token, target in sample.guide.match:
            like = stem(texts[token].strip()) == stem(texts[target].strip())
            there = "".join(texts[target : target + 80])
            answers = [
                answer for answer in exercise.spans.values() if answer in there[: len(answer) + 8]
            ]
            assert like or answers
            asking += not like

    assert shown > 200
    assert (asking > 0) == (kind in ("real", "fact", "preference"))


def test_an_exercise_is_encoded_as_the_chat_template_renders_it(
    training: ExerciseSource, tokenizer: Tokenizer
) -> None:
    exercise = make_exercise(random.Random(5), training, "fact", absent=False)
    sample = encode_exercises(tokenizer, [exercise])[0]

    whole = "".join(f"<|{role}|>\n{content}<|end|>\n" for role, content in exercise.messages)
    heavy = [index for index, weight in zip(sample.ids, sample.weights, strict=True) if weight]
    assert sample.ids == tokenizer.encode(whole).ids
    assert tokenizer.decode(heavy, skip_special_tokens=False).endswith(f"{exercise.answer}<|end|>")


def test_where_a_sentence_is_chosen_the_others_beginnings_are_the_alternatives(
    training: ExerciseSource, tokenizer: Tokenizer
) -> None:
    exercise = make_exercise(random.Random(6), training, "fact", turns=1, absent=False)
    sample = encode_exercises(tokenizer, [exercise])[0]
    place, allowed = sample.decisions[0]

    others = (*exercise.choices, *NOT_SAID.values())
    assert allowed[0] == sample.ids[place]
    assert set(allowed) == {tokenizer.encode(other).ids[0] for other in others}


@pytest.mark.parametrize("kind", ["bullet", "name", "short"])
def test_a_preferred_opening_is_chosen_against_a_plain_answer_and_a_refusal(
    training: ExerciseSource, tokenizer: Tokenizer, kind: str
) -> None:
    rng = random.Random(8)
    exercise = make_exercise(rng, training, "preference", turns=1, absent=False)
    while not (exercise.preference and exercise.preference.kind == kind):
        exercise = make_exercise(rng, training, "preference", turns=1, absent=False)
    sample = encode_exercises(tokenizer, [exercise])[0]

    place, allowed = sample.decisions[0]
    others = (*exercise.choices, *NOT_SAID.values())
    assert tokenizer.encode(exercise.answer).ids[0] == allowed[0] == sample.ids[place]
    assert set(allowed[1:]) == {tokenizer.encode(other).ids[0] for other in others} - {allowed[0]}
    # after the opening the sentences are told apart, as they are cut there
    later = [choice for at, choice in sample.decisions if at > place]
    assert later if kind != "short" else not later


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_weights_of_one_that_never_stopped(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    size = tokenizer.get_vocab_size()
    settings = TrainSettings(minutes=1, tokens=6000, warmup_steps=2, bf16=False, compiled=False)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    stream = Stream(corpus, tokenizer, seed=0, batch_tokens=1024)
    cut = CutStream(corpus, tokenizer, seed=0, batch_tokens=1024)

    ended = train(tiny_model(size), stream, settings, probe=None, out=whole)
    cut.stop = 3
    train(tiny_model(size), cut, settings, probe=None, out=parts)
    resumed = train(tiny_model(size), stream, settings, probe=None, out=parts, begin=None)

    assert (resumed.step, resumed.tokens) == (ended.step, ended.tokens)
    assert ended.step > 4
    straight, split = load_file(whole / CHECKPOINT), load_file(parts / CHECKPOINT)
    assert straight.keys() == split.keys()
    assert all(torch.equal(straight[name], split[name]) for name in straight)


def optimisers(model: LlamaForCausalLM) -> Optimisers:
    return Optimisers(model, matrix_rate=1e-3, other_rate=1e-3, decay=0.0)


def test_resuming_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    model = tiny_model(300)

    with pytest.raises(DataError, match="no checkpoint to resume from"):
        load_checkpoint(model, optimisers(model), tmp_path)


def test_a_torn_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"\x10\x00\x00")
    model = tiny_model(300)

    with pytest.raises(DataError, match="damaged, or the checkpoint of another model"):
        load_checkpoint(model, optimisers(model), tmp_path)


def test_the_learning_rate_warms_up_stays_and_comes_down() -> None:
    rates = [schedule(step, step / 100, warmup_steps=10, decay_share=0.4) for step in range(101)]

    assert rates[0] < rates[5] < rates[9] == rates[50] == 1.0
    assert rates[60] > rates[80] > rates[100] > 0


def test_every_parameter_is_stepped_by_one_optimiser() -> None:
    model = tiny_model(300)
    names = {parameter: name for name, parameter in model.named_parameters()}

    seen = [names[parameter] for parameter, _ in optimisers(model).states()]

    assert sorted(seen) == sorted(names.values())


def test_tokens_of_like_company_or_spelling_begin_alike() -> None:
    texts = ["<pad>", "cat", " cat", " Cat", " dog", " sat", " ran", " tax", " law"]
    rng = random.Random(0)
    documents = []
    for _ in range(400):
        animal, act = rng.choice((2, 4)), rng.choice((5, 6))
        documents.append([animal, act, animal, act] if rng.random() < 0.5 else [7, 8, 7, 8])

    vectors = token_vectors(documents, texts, width=32, seed=0)

    like = vectors @ vectors.T
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(len(texts)))
    assert like[2, 3] > 0.3
    assert like[2, 4] > like[2, 7]


def test_before_any_training_heads_look_back_and_at_their_like() -> None:
    size, hidden = 500, 192
    config = configuration(size, pad=0, end=4, hidden=hidden, layers=6, intermediate=64)
    vectors = torch.nn.functional.normalize(torch.randn(size, hidden - TOKEN_FROM), dim=-1)
    ids = torch.randperm(size, generator=torch.Generator().manual_seed(0))[None, :120]
    ids[0, 110] = ids[0, 30]
    targets = collate_guides([Guide(match=[(110, 30)])])

    losses = []
    for model in (starting_model(config, vectors, seed=0), standard_model(config, seed=0)):
        with torch.no_grad():
            looked = forward(model, ids, HEADS, COPY).looked
        losses.append(guide_losses(looked, targets))

    (ours, theirs) = losses
    assert ours["before"] < 0.1
    assert theirs["before"] > 3
    assert ours["match"] < theirs["match"]


@pytest.mark.slow
def test_the_command_trains_goes_on_from_what_it_made_and_writes_the_card(
    data: list[Path], tmp_path: Path
) -> None:
    common = [
        "--data", *map(str, data), "--tokens", "2500", "--batch-tokens", "1024", "--no-compile",
        "--hidden", "192", "--layers", "5",
    ]  # fmt: skip
    first, second = tmp_path / "first", tmp_path / "second"

    assert main([*common, "--out", str(first), "--probe", "1"]) == 0
    more = ["--out", str(second), "--probe", "1", "--start-from", str(first / "model")]
    assert main([*common, *more]) == 0
    write_card(second / "model")

    rows = [
        json.loads(line) for line in (first / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert 0 <= rows[-1]["quote_token"] <= 1
    card = (second / "model" / "README.md").read_text(encoding="utf-8")
    assert "made.jsonl.gz" in card
    assert "asked.json" in card
    record = json.loads((second / "model" / "recipe.json").read_text(encoding="utf-8"))
    assert record["continues"]["initialisation"] == "head start"
    assert record["spent"]["pool"] >= LATER_POOL > record["continues"]["spent"]["pool"]
    curve = read_curve(
        second / "model" / "curve.json"
    )  # the probes of both runs, one after the other
    assert [row["quote_token"] for row in curve][:-1] == [rows[-1]["quote_token"]]
    assert curve[-1]["tokens"] == rows[-1]["tokens"] + record["spent"]["tokens"]
    before = load_file(first / "model" / "model.safetensors")
    after = load_file(second / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_the_command_prints_a_data_fault_and_exits_with_two(
    tmp_path: Path, data: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "SOURCE.txt is missing" in capsys.readouterr().err
    status = main(
        ["--data", str(data[0]), "--out", str(tmp_path / "o"), "--start-from", str(tmp_path)]
    )
    assert status == 2
    assert "no model folder to start from" in capsys.readouterr().err


def test_a_probe_of_a_random_model_finds_no_exact_answer(
    evaluation: ExerciseSource, tokenizer: Tokenizer
) -> None:
    probe = CopyProbe(tokenizer, evaluation, count=2, seed=0)

    figures = probe.measure(tiny_model(tokenizer.get_vocab_size()))

    assert figures["fact_exact"] == figures["quote_exact"] == 0
    assert 0 <= figures["fact_chosen"] <= 1
