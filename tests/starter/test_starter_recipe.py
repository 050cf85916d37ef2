"""The recipe of the starter model: repeatable exercises, a circuit that copies before any training, exact resume."""

import gzip
import itertools
import json
import random
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from adapt.errors import DataError
from adapt.starter.recipe.__main__ import main
from adapt.starter.recipe.batches import Batch, Stream, encode_exercise
from adapt.starter.recipe.card import write_card
from adapt.starter.recipe.coined import coin_name, coin_value, is_held_out
from adapt.starter.recipe.copying import CopyProbe
from adapt.starter.recipe.corpus import Corpus, read_corpus
from adapt.starter.recipe.embeddings import Vocabulary
from adapt.starter.recipe.evaluate import evaluate
from adapt.starter.recipe.exercises import KINDS, NOT_SAID, Source, make_exercise
from adapt.starter.recipe.facts import templates
from adapt.starter.recipe.files import CHECKPOINT, export_model, load_checkpoint
from adapt.starter.recipe.initialise import copying_model, standard_model
from adapt.starter.recipe.measures import share
from adapt.starter.recipe.passages import build_library
from adapt.starter.recipe.train import TrainSettings, schedule, train

WORDS = ("river", "market", "engine", "winter", "council", "paper", "harbour", "letter", "valley")


def sentence(rng: random.Random) -> str:
    middle = " ".join(rng.choice(WORDS) + rng.choice("abcdefgh") * 2 for _ in range(7))
    return f"The {middle} was there."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "text_en_openstax"
    folder.mkdir()
    (folder / "SOURCE.txt").write_text("name: made\nlicence: CC0\n", encoding="utf-8")
    rng = random.Random(0)
    rows = [
        json.dumps({"text": "\n".join(" ".join(sentence(rng) for _ in range(5)) for _ in range(6))})
        for _ in range(120)
    ]
    (folder / "made.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    return folder


@pytest.fixture(scope="module")
def corpus(data: Path) -> Corpus:
    return read_corpus([data])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(Path(str(files("adapt.starter"))) / "model" / "tokenizer.json"))


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([index], skip_special_tokens=False) for index in range(size)]
    return Vocabulary(texts, [1] * size)


def tiny_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=4096,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            eos_token_id=4,
            pad_token_id=0,
        )
    )


class CutStream(Stream):
    """A stream that ends early, as a run does whose machine goes away."""

    stop = 0

    def batches(self, *, pool: int = 0, skip: int = 0) -> Iterator[tuple[int, int, Batch]]:
        return itertools.islice(super().batches(pool=pool, skip=skip), self.stop)


def test_before_any_training_the_second_half_of_a_repeated_sequence_is_predicted(
    vocabulary: Vocabulary,
) -> None:
    model = copying_model(vocabulary, seed=0).eval()
    noise = torch.randint(300, 4096, (2, 100), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([torch.full((2, 1), vocabulary.texts.index("<|system|>")), noise, noise], dim=1)

    with torch.no_grad():
        likeliest = model(input_ids=ids).logits.argmax(dim=-1)

    assert (likeliest[:, 103:-1] == ids[:, 104:]).float().mean() > 0.9


def test_the_standard_initialisation_cannot_do_that(vocabulary: Vocabulary) -> None:
    model = standard_model(vocabulary, seed=0).eval()
    noise = torch.randint(300, 4096, (2, 100), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([noise, noise], dim=1)

    with torch.no_grad():
        likeliest = model(input_ids=ids).logits.argmax(dim=-1)

    assert (likeliest[:, 101:-1] == ids[:, 102:]).float().mean() < 0.05


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_seed_gives_the_same_exercises_and_another_seed_others(corpus: Corpus, kind: str) -> None:
    source = Source({"en": build_library(corpus.passages_train["en"])}, held_out=False)

    first, again, other = (
        [make_exercise(rng, source, kind) for _ in range(8)]
        for rng in map(random.Random, (1, 1, 2))
    )

    assert first == again
    assert first != other


def test_names_of_training_and_of_evaluation_never_meet() -> None:
    rng = random.Random(0)

    training = {coin_name(rng, held_out=False) for _ in range(2000)}
    evaluation = {coin_name(rng, held_out=True) for _ in range(500)}

    assert not training & evaluation
    assert all(is_held_out(name) for name in evaluation)


@pytest.mark.parametrize("spanish", [False, True])
def test_question_forms_of_training_and_of_evaluation_never_meet(spanish: bool) -> None:
    training, evaluation = (
        {
            question
            for one in templates(spanish=spanish, held_out=held_out)
            for question in one.questions
        }
        for held_out in (False, True)
    )

    assert evaluation
    assert not training & evaluation


def test_a_cited_answer_stands_word_for_word_in_the_passage_of_its_number(corpus: Corpus) -> None:
    source = Source({"en": build_library(corpus.passages_train["en"])}, held_out=False)
    rng = random.Random(3)

    for kind in ("quote", "fact"):
        for _ in range(60):
            exercise = make_exercise(rng, source, kind)
            passages = exercise.messages[0][1].split("cite them as [n].\n")[1]
            body, number = exercise.answer.rsplit(" [", 1)
            cited = passages.split(f"[{number[:-1]}] ", 1)[1].split("\n\n[", 1)[0]
            assert body in cited


def test_an_absent_fact_is_answered_by_saying_so(corpus: Corpus) -> None:
    source = Source({"en": build_library(corpus.passages_train["en"])}, held_out=True)
    rng = random.Random(4)

    exercises = [make_exercise(rng, source, "missing") for _ in range(30)]

    replies = [
        content for one in exercises for role, content in one.messages if role == "assistant"
    ]
    assert sum(reply == NOT_SAID[False] for reply in replies) == 30


def test_an_unknown_kind_of_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no value of kind 'mood'"):
        coin_value(random.Random(0), "mood", spanish=False, held_out=False)


def test_answers_weigh_one_and_prompts_less(corpus: Corpus, tokenizer: Tokenizer) -> None:
    source = Source({"en": build_library(corpus.passages_train["en"])}, held_out=False)

    exercise = make_exercise(random.Random(5), source, "fact")
    sample = encode_exercise(tokenizer, exercise)

    heavy = [index for index, weight in zip(sample.ids, sample.weights, strict=True) if weight == 1]
    assert tokenizer.decode(heavy, skip_special_tokens=False).endswith(f"{exercise.answer}<|end|>")
    whole = "".join(f"<|{role}|>\n{content}<|end|>\n" for role, content in exercise.messages)
    assert sample.ids == tokenizer.encode(whole).ids


def test_a_resumed_run_ends_with_the_weights_of_one_that_never_stopped(
    corpus: Corpus, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    settings = TrainSettings(minutes=1, tokens=6000, warmup_steps=2, bf16=False)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    stream = Stream(corpus, tokenizer, seed=0, batch_tokens=1024)
    cut = CutStream(corpus, tokenizer, seed=0, batch_tokens=1024)

    ended = train(tiny_model(), stream, settings, probe=None, out=whole)
    cut.stop = 3
    train(tiny_model(), cut, settings, probe=None, out=parts)
    resumed = train(tiny_model(), stream, settings, probe=None, out=parts, resume=True)

    assert (resumed.step, resumed.tokens) == (ended.step, ended.tokens)
    assert ended.step > 4
    one, other = load_file(whole / CHECKPOINT), load_file(parts / CHECKPOINT)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_resuming_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    model = tiny_model()

    with pytest.raises(DataError, match="no checkpoint to resume from"):
        load_checkpoint(model, torch.optim.AdamW(model.parameters()), tmp_path)


def test_a_torn_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"\x10\x00\x00")
    model = tiny_model()

    with pytest.raises(DataError, match="damaged, or the checkpoint of another model"):
        load_checkpoint(model, torch.optim.AdamW(model.parameters()), tmp_path)


def test_the_learning_rate_warms_up_and_comes_down() -> None:
    rates = [schedule(step, step / 100, 10) for step in range(101)]

    assert rates[0] < rates[5] < rates[9]
    assert rates[9] > rates[50] > rates[100] > 0


def test_the_command_trains_a_little_and_the_card_is_written(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    status = main(
        [
            "--data",
            str(data),
            "--out",
            str(out),
            "--tokens",
            "1500",
            "--batch-tokens",
            "1024",
            "--probe",
            "1",
        ]
    )
    write_card(out / "model")

    assert status == 0
    rows = [
        json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert 0 <= rows[0]["quote_token"] <= 1
    assert "made.jsonl.gz" in (out / "model" / "README.md").read_text(encoding="utf-8")


def test_evaluation_counts_every_figure(
    data: Path,
    corpus: Corpus,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapt.starter.recipe.evaluate.MAX_NEW_TOKENS", 2)
    export_model(tiny_model(), tokenizer, tmp_path / "model")

    figures = evaluate(tmp_path / "model", [data], count=2)

    assert all(one.low <= one.value <= one.high for one in figures)
    assert any(one.name.startswith("bits per byte") and one.value > 1 for one in figures)


def test_a_probe_of_a_random_model_finds_no_exact_answer(
    corpus: Corpus, tokenizer: Tokenizer
) -> None:
    source = Source({"en": build_library(corpus.passages_valid["en"])}, held_out=True)

    figures = CopyProbe(tokenizer, source, count=2, seed=0).measure(tiny_model())

    assert figures["fact_exact"] == figures["quote_exact"] == 0


def test_an_interval_holds_its_share_and_narrows_with_n() -> None:
    few, many = share("x", [True, False] * 5), share("x", [True, False] * 500)

    assert few.low < many.low < 0.5 < many.high < few.high


def test_a_data_folder_without_a_source_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a data folder, SOURCE\.txt is missing$"):
        read_corpus([tmp_path])


def test_a_source_file_without_a_licence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("name: x\n", encoding="utf-8")

    with pytest.raises(DataError, match="no line that begins with 'licence:'"):
        read_corpus([tmp_path])


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"no \.jsonl or \.jsonl\.gz file"):
        read_corpus([tmp_path])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl.gz", b"not gzip", "cannot be read as .gz text, the file is damaged"),
        ("a.jsonl", b"\xff\xfe{}", "cannot be read as .jsonl text, the file is damaged"),
        ("a.jsonl", b'{"text": "x"}\n{', "a.jsonl:2: not a JSON object"),
        ("a.jsonl", b'{"title": "x"}', "a.jsonl:1: no text in this row"),
        ("valid.jsonl", b'{"text": "x"}', "no training text in the data folders"),
    ],
)
def test_a_corrupt_data_file_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_corpus([tmp_path])

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_data_fault_and_exits_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["--data", str(tmp_path), "--out", str(tmp_path / "out")])

    assert status == 2
    assert "SOURCE.txt is missing" in capsys.readouterr().err


def test_the_card_of_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing, or not the record of a run"):
        write_card(tmp_path)
