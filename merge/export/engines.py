"""The engines that open an export again: transformers (with peft for an adapter) and, where it is installed, llama.cpp."""

import contextlib
import importlib.util
import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from adapt.errors import ModelError
from adapt.models.loading import check_safetensors, first_line, load_tokenizer
from adapt.models.rendering import encode
from merge.export.verify import greedy

CONTEXT = 2048  # tokens, more than any golden prompt and its answer


def load_fp32(folder: Path, *, adapter: Path | None = None) -> tuple[Any, Any]:
    """Return a model folder, or a base and an adapter on it, in transformers: fp32, on the CPU, no code of its own.

    Raises:
        ModelError: it cannot be loaded.
    """
    check_safetensors(
        [*folder.glob("*.safetensors"), *(adapter.glob("*.safetensors") if adapter else ())]
    )
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
        if adapter is not None:
            model = PeftModel.from_pretrained(model, adapter)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelError(
            f"{adapter or folder}: cannot be opened again ({first_line(error)})"
        ) from error
    model.train(mode=False)
    return model, load_tokenizer(folder)


class TransformersEngine:
    """A Hugging Face folder opened by transformers."""

    def __init__(self, folder: Path, *, adapter: Path | None = None) -> None:
        self._model, self._tokenizer = load_fp32(folder, adapter=adapter)
        peft = f" and peft {version('peft')}" if adapter else ""
        self.name = f"transformers {version('transformers')}{peft}"

    def tokenize(self, prompt: str) -> list[int]:
        """Return the ids of rendered text, none added."""
        return encode(self._tokenizer, prompt)

    def answer(self, ids: Sequence[int], *, length: int, ends: frozenset[int]) -> list[int]:
        """Return the greedy tokens after these."""
        return greedy(self._model, ids, length=length, ends=ends)


def has_llama_cpp() -> bool:
    """Return whether the package llama-cpp-python is installed."""
    return importlib.util.find_spec("llama_cpp") is not None


class LlamaCppEngine:
    """A GGUF file opened by llama.cpp on the CPU."""

    def __init__(self, file: Path) -> None:
        """Open the file.

        Raises:
            ModelError: llama.cpp does not take it.
        """
        import llama_cpp

        try:
            with contextlib.redirect_stderr(io.StringIO()):
                self._llama: Any = llama_cpp.Llama(
                    str(file),
                    n_ctx=CONTEXT,
                    n_gpu_layers=0,
                    type_k=0,
                    type_v=0,
                    verbose=False,
                )
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{file.name}: llama.cpp cannot open it ({first_line(error)})"
            ) from error
        self.name = f"llama.cpp (llama-cpp-python {version('llama-cpp-python')})"

    def close(self) -> None:
        """Give the file and its memory back; left to the end of the process, llama.cpp's package would fail at it."""
        self._llama.close()

    @property
    def template(self) -> str:
        """Return the chat template as llama.cpp reads it from the file."""
        return str(self._llama.metadata.get("tokenizer.chat_template", ""))

    def tokenize(self, prompt: str) -> list[int]:
        """Return the ids of rendered text, none added."""
        return list(self._llama.tokenize(prompt.encode(), add_bos=False, special=True))

    def answer(self, ids: Sequence[int], *, length: int, ends: frozenset[int]) -> list[int]:
        """Return the greedy tokens after these."""
        answer: list[int] = []
        for token in self._llama.generate(list(ids), temp=0.0, repeat_penalty=1.0):
            answer.append(int(token))
            if token in ends or len(answer) == length:
                break
        return answer
