"""The list of bases: its figures counted again, and tiny models of every architecture in it go the product's whole way."""

import json
from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, GenerationConfig

from adapt.models.loading import LARGE_PARAMETERS, check_opens
from adapt.models.rendering import FALLBACK_TEMPLATE, encode, render
from adapt.models.runtime import ModelRuntime
from adapt.records import Message
from adapt.registry.bases.check import check_folder
from adapt.registry.bases.find import find_base
from adapt.registry.bases.known import CHECKPOINTS_FROM, FP32_BELOW, KNOWN, KnownBase
from adapt.registry.licences import hub_fields
from adapt.workspace.folder import Workspace
from finetune.planning.derive import LARGE
from finetune.runs.request import TrainingRequest
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from finetune.train.lora import lora_config
from merge.build import merge
from merge.export.gguf.families import FAMILIES
from merge.export.gguf.writer import write_gguf
from merge.recipes.from_flags import recipe_from_flags
from tests.adapt.registry.known_families import SHAPES, index, make_known

ASKED = [Message("system", "Sé breve."), Message("user", "¿Cuándo abre la oficina?")]
ONE_STEP = SftSettings(epochs=1, batch_size=8, rank=4, alpha=8, scored_examples=2)


@pytest.fixture(scope="module", params=[known.id for known in KNOWN])
def known_base(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[KnownBase, Path]:
    """Return a base of the list, and a tiny random model in its shape."""
    known = next(base for base in KNOWN if base.id == request.param)
    return known, make_known(tmp_path_factory.mktemp("known") / "base", known.id)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [{"prompt": f"¿Color {n}?", "completion": "rojo"} for n in range(10)]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def shape_of(known: KnownBase) -> dict[str, object]:
    """Return the configuration of the real base, as far as it decides how many numbers it has."""
    heads = {
        "qwen2": {"num_attention_heads": 14},
        "qwen3": {"num_attention_heads": 32 if known.hidden > 2000 else 16, "head_dim": 128},
        "gemma3_text": {"num_attention_heads": 4, "head_dim": 256},
        "llama": {"num_attention_heads": 16 if known.kv > 512 else 32},
        "granite": {"num_attention_heads": 32},
        "smollm3": {"num_attention_heads": 16, "pad_token_id": 128_004},
    }[known.architecture]
    size = int(str(heads.get("head_dim") or known.hidden // int(str(heads["num_attention_heads"]))))
    return {
        "vocab_size": known.vocabulary,
        "hidden_size": known.hidden,
        "intermediate_size": known.feed_forward,
        "num_hidden_layers": known.layers,
        "num_key_value_heads": known.kv // size,
        "tie_word_embeddings": not known.id.startswith("BSC-LT/"),
        **heads,
    }


@pytest.mark.slow
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.id)
def test_the_numbers_of_a_base_are_those_of_its_shape(known: KnownBase) -> None:
    config = SHAPES[known.id].config(**shape_of(known))

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        adapted = get_peft_model(model, lora_config(SftSettings()))
        trained = sum(
            parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad
        )

    assert config.model_type == known.architecture
    assert (parameters, trained) == (known.parameters, known.trained)


def test_what_is_said_of_memory_follows_the_rules_by_which_weights_are_held() -> None:
    assert FP32_BELOW == 2 * LARGE_PARAMETERS
    assert CHECKPOINTS_FROM == LARGE
    bytes_per_weight = {known.id: known.bytes_per_weight for known in KNOWN}
    assert bytes_per_weight["google/gemma-3-1b-it"] == 4
    assert bytes_per_weight["meta-llama/Llama-3.2-1B-Instruct"] == 2
    for known in KNOWN:
        assert known.parameters * known.bytes_per_weight < known.chat_bytes < known.training_bytes


def test_every_base_is_small_has_a_known_licence_and_many_languages() -> None:
    assert 6 <= len(KNOWN) <= 8
    assert [known.parameters for known in KNOWN] == sorted(known.parameters for known in KNOWN)
    for known in KNOWN:
        assert 0.3e9 < known.parameters < 4.1e9
        assert hub_fields(known.licence)["license"] == known.licence
        assert known.gated == (known.licence not in ("apache-2.0", "mit"))
        assert "Spanish" in known.languages or "over 1" in known.languages


def test_a_base_is_loaded_and_answers_in_the_form_of_its_template(
    known_base: tuple[KnownBase, Path], workspace: Workspace
) -> None:
    known, folder = known_base
    runtime = ModelRuntime(find_base(str(folder), workspace))

    text = render(runtime.tokenizer, ASKED, add_generation_prompt=True)
    answer = runtime.generate(ASKED, max_new_tokens=6)

    assert runtime.tokenizer.chat_template != FALLBACK_TEMPLATE
    assert text.count("Sé breve.") == text.count("¿Cuándo abre la oficina?") == 1
    thinks = "unless told not to" in known.template
    assert text.endswith("<think>\n\n</think>\n\n") == thinks
    ids = encode(runtime.tokenizer, text)
    assert ids.count(runtime.tokenizer.bos_token_id) == (1 if SHAPES[known.id].starts else 0)
    for mark in SHAPES[known.id].marks:  # each is one token, wherever it stands
        assert runtime.tokenizer.convert_tokens_to_ids(mark) in ids or mark not in text
    assert isinstance(answer, str)
    ends = GenerationConfig.from_pretrained(folder).eos_token_id
    assert set(ends if isinstance(ends, list) else [ends]) == set(
        runtime.tokenizer.convert_tokens_to_ids(list(SHAPES[known.id].stops))
    )


def test_the_folder_of_a_base_is_found_whole(known_base: tuple[KnownBase, Path]) -> None:
    known, folder = known_base

    checked = check_folder(known.id, folder)
    check_opens(known.id, folder)

    model = AutoModelForCausalLM.from_pretrained(folder)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    twice = model.get_input_embeddings().weight.numel() if SHAPES[known.id].head_twice else 0
    assert bool(twice) == bool(known.stored_twice)
    assert checked.parameters == parameters + twice
    assert (checked.architecture, checked.own_template) == (known.architecture, True)
    assert checked.licence == "apache-2.0"
    if SHAPES[known.id].shards > 1:
        assert len(set(index(folder).values())) >= 2


@pytest.mark.slow
def test_adapters_of_a_base_are_trained_one_step_and_merged(
    known_base: tuple[KnownBase, Path], rows: Path, workspace: Workspace, tmp_path: Path
) -> None:
    known, folder = known_base
    for domain in ("first", "second"):
        request = TrainingRequest(domain=domain, files=(rows,), base=str(folder), settings=ONE_STEP)
        finetune(request, workspace=workspace)

    merged = merge(
        recipe_from_flags(["first", "second"], method="task_arithmetic", name="both"),
        workspace=workspace,
    )

    runtime = ModelRuntime(find_base("both", workspace))
    assert isinstance(runtime.generate(ASKED, max_new_tokens=4), str)
    before = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    after = AutoModelForCausalLM.from_pretrained(merged.path, dtype=torch.float32).state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed
    assert all("proj" in name for name in changed)
    written = "GGUF" in known.checked
    assert written == (known.architecture in FAMILIES)
    if written:
        assert write_gguf(merged.path, tmp_path / "m.gguf", name="both").stat().st_size > 0
