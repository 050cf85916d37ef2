"""A base in memory whose weights are overwritten by those of one merge after another, and put back exactly.

A trial so costs what its changed tensors cost: nothing is written, nothing is loaded again.
Not here: what is merged (`merge.write.tensor`), how it is judged (`adapt.evaluation.likelihood`, `adapt.evaluation.tasks`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapt.errors import ModelError
from adapt.models.runtime import ModelRuntime
from adapt.registry.bases.find import Base
from merge.check.resolve import Resolved
from merge.methods.trial import Trial
from merge.weights.checkpoint import HEAD
from merge.weights.plan import MergePlan, OutputTensor
from merge.write.tensor import TensorMerger


def merger_of(resolved: Resolved, trial: Trial) -> TensorMerger:
    """Return what computes the weights of a trial of a recipe's adapters."""
    return TensorMerger(
        resolved.checkpoint, resolved.adapters, method=trial.method, terms=trial.terms_of()
    )


class SwappedModel:
    """A resident base of its own, so that nobody else answers with weights that are being tried."""

    def __init__(self, base: Base, plan: MergePlan) -> None:
        """Load the base; `plan` says which of its weights will be overwritten.

        Raises:
            ModelError: a weight of the plan is not one of the loaded model, as its files and its classes name it.
        """
        self.runtime = ModelRuntime(base)
        with self.runtime.active(None) as model:
            if not isinstance(model, PreTrainedModel):
                raise TypeError("a fresh runtime has no adapter")
            self._model = model
        self.changed = tuple(t for file in plan.files for t in file.tensors if t.changes)
        self._tied_head = _untie(self._model) if plan.unties else None
        known = dict(self._model.named_parameters(remove_duplicate=False))
        self._parameters = {
            tensor.record.name: _parameter(self._model, known, tensor) for tensor in self.changed
        }
        self._originals = {
            name: parameter.detach().clone() for name, parameter in self._parameters.items()
        }

    @property
    def model(self) -> PreTrainedModel:
        """Return the model as it stands now."""
        return self._model

    @contextmanager
    def merged(self, merger: TensorMerger) -> Iterator[ModelRuntime]:
        """Yield the runtime with the weights of a merge; after, the base's are back."""
        with merger.one_thread():
            weights = {tensor.record.name: merger.tensor(tensor) for tensor in self.changed}
        with self.holding(weights) as runtime:
            yield runtime

    @contextmanager
    def holding(self, weights: Mapping[str, Tensor]) -> Iterator[ModelRuntime]:
        """Yield the runtime with these weights in the place of the base's, by their names in the plan."""
        try:
            for name, weight in weights.items():
                _overwrite(self._parameters[name], weight)
            yield self.runtime
        finally:
            self._restore()

    def parameter(self, name: str) -> nn.Parameter:
        """Return the loaded parameter that a changed weight of the plan is."""
        return self._parameters[name]

    def original(self, name: str) -> Tensor:
        """Return a weight of the base, as it is loaded."""
        return self._originals[name]

    def current(self, name: str) -> Tensor:
        """Return a weight as it stands now."""
        return self._parameters[name].detach()

    def close(self) -> None:
        """Put everything back, a head that was untied as well."""
        self._restore()
        if self._tied_head is not None:
            _head(self._model).weight = self._tied_head
            self._tied_head = None

    def _restore(self) -> None:
        for name, parameter in self._parameters.items():
            _overwrite(parameter, self._originals[name])


def _overwrite(parameter: nn.Parameter, weight: Tensor) -> None:
    with torch.no_grad():
        parameter.copy_(weight)


def _untie(model: PreTrainedModel) -> nn.Parameter:
    """Give the head a weight of its own, and return the one that it shared with the embedding."""
    head = _head(model)
    shared = head.weight
    head.weight = nn.Parameter(shared.detach().clone(), requires_grad=False)
    return shared


class _Head(Protocol):
    weight: nn.Parameter


def _head(model: PreTrainedModel) -> _Head:
    head: _Head = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # transformers'
    return head


def _parameter(
    model: PreTrainedModel, known: Mapping[str, nn.Parameter], tensor: OutputTensor
) -> nn.Parameter:
    """Return the loaded parameter that a tensor of the files is."""
    name = tensor.record.name
    if name == HEAD and HEAD not in known:
        parameter: nn.Parameter | None = _head(model).weight
    else:
        # a file may lack the first part of a name (GPT-2: `h.0…` is `transformer.h.0…`)
        parameter = known.get(name, known.get(f"{model.base_model_prefix}.{name}"))
    if parameter is None or tuple(parameter.shape) != tensor.record.shape:
        raise ModelError(
            f"'{name}' is not loaded as one weight of {type(model).__name__}, so merges cannot be tried in memory; "
            "merge with weights of your own and measure with --test"
        )
    return parameter
