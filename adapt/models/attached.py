"""`AttachedAdapters`: the LoRA adapters of one loaded base, and which of them is switched on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from adapt.errors import ModelError
from adapt.models.loading import check_safetensors, first_line

ADAPTER_WEIGHTS = "adapter_model.safetensors"


class AttachedAdapters:
    """Any number of adapters on one model; one caller uses it at a time, others wait their turn."""

    def __init__(self, model: PreTrainedModel, base: str) -> None:
        """Take the model, and what its base is called."""
        self._model = model
        self._base = base
        self._peft: PeftModel | None = None
        self._attached: dict[str, tuple[str, Path]] = {}
        self._turn = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Return the names of the attached adapters."""
        return list(self._attached)

    def attach(self, name: str, folder: Path) -> None:
        """Attach a LoRA adapter folder under a name; again under the same name is a no-op for the same folder.

        Raises:
            ModelError: the folder is no adapter in safetensors, it is damaged, or it does not fit the base.
        """
        if self._attached.get(name, ("", None))[1] == folder:
            return
        weights = folder / ADAPTER_WEIGHTS
        if not weights.is_file():
            raise ModelError(
                f"{folder}: no {ADAPTER_WEIGHTS}; is it a LoRA adapter in safetensors?"
            )
        check_safetensors([weights])
        # peft uses the name as a module's key, which may hold no dot; `billing@1.2` may.
        key = f"adapter{len(self._attached)}"
        with self._turn:
            try:
                if self._peft is None:
                    self._peft = PeftModel.from_pretrained(
                        self._model, folder, adapter_name=key, local_files_only=True
                    )
                else:
                    self._peft.load_adapter(folder, adapter_name=key, local_files_only=True)
            except (ValueError, RuntimeError, KeyError, OSError, TypeError) as error:
                raise ModelError(
                    f"adapter {name} does not fit base '{self._base}': {first_line(error)}"
                ) from error
            self._peft.eval()
            self._attached[name] = (key, folder)

    @contextmanager
    def active(self, adapter: str | None) -> Iterator[PreTrainedModel | PeftModel]:
        """Yield the model with one adapter, or none, switched on; others wait."""
        if adapter is not None and adapter not in self._attached:
            raise ValueError(f"adapter {adapter} is not attached")
        with self._turn, torch.inference_mode():
            if self._peft is None:
                yield self._model
            elif adapter is None:
                with self._peft.disable_adapter():
                    yield self._peft
            else:
                self._peft.set_adapter(self._attached[adapter][0], inference_mode=True)
                yield self._peft
