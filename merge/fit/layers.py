"""A decoder walked layer by layer: hidden states kept between layers, and the inputs of single modules within one.

A layer is called as the model itself calls it (its masks, positions and rotary angles are recorded in one pass of the
base), so that no architecture is known here by name. Weights are lent for a call and never written into the model.
Not here: what is done with the inputs (`merge.fit.regmean`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel

from adapt.errors import ModelError

Weights = Mapping[str, Tensor]  # by their names within the layer


class _ReachedError(Exception):
    """The module that was waited for has its input."""


@dataclass
class Batch:
    """Rows of one length, padded on the right.

    Attributes:
        ids: of shape [rows, tokens].
        mask: 1 where a token is no padding.
        calls: what each layer is called with besides its hidden states; the same for any weights.
        first: the hidden states before the first layer.
    """

    ids: Tensor
    mask: Tensor
    calls: list[tuple[tuple[object, ...], dict[str, object]]] = field(default_factory=list)
    first: Tensor | None = None


def find_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the decoder's layers.

    Raises:
        ModelError: the model has no single list of as many layers as its configuration says.
    """
    count = getattr(model.config, "num_hidden_layers", None)
    lists = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    if len(lists) != 1:
        raise ModelError(
            f"{type(model).__name__}: its layers are not one list, so they cannot be fitted one after the other; "
            "use a method that is not fitted to rows"
        )
    return lists[0]


def record_calls(model: PreTrainedModel, layers: nn.ModuleList, batches: Sequence[Batch]) -> None:
    """Run the model once over each batch, and keep how it calls its layers.

    Raises:
        ModelError: a layer's input is not the output of the one before.
    """
    for batch in batches:
        outputs: list[Tensor] = []

        def keep(
            _module: nn.Module, _args: object, output: object, kept: list[Tensor] = outputs
        ) -> None:
            kept.append(_hidden(output))

        record = _recorder(model, batch, outputs)
        hooks = [layer.register_forward_pre_hook(record, with_kwargs=True) for layer in layers]
        hooks += [layer.register_forward_hook(keep) for layer in layers]
        ids, mask = batch.ids.to(model.device), batch.mask.to(model.device)
        try:
            with torch.inference_mode():
                model.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()


def _recorder(
    model: PreTrainedModel, batch: Batch, before: list[Tensor]
) -> Callable[[nn.Module, tuple[Tensor, ...], dict[str, object]], None]:
    def record(_module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, object]) -> None:
        rest = dict(kwargs)
        hidden = _hidden(args or (rest.pop("hidden_states"),))
        if batch.first is None:
            batch.first = hidden.clone()
        elif before and not torch.equal(before[-1], hidden):
            raise ModelError(
                f"{type(model).__name__}: its layers do not simply follow each other, so they cannot be fitted one "
                "after the other; use a method that is not fitted to rows"
            )
        batch.calls.append((tuple(args[1:]), rest))

    return record


def _hidden(output: object) -> Tensor:
    states = output[0] if isinstance(output, tuple) else output
    if not isinstance(states, Tensor):
        raise TypeError("a layer gives its hidden states")
    return states


def run_layer(
    layer: nn.Module, number: int, batch: Batch, hidden: Tensor, weights: Weights
) -> Tensor:
    """Return a layer's output under the weights that are lent to it."""
    args, kwargs = batch.calls[number]
    with torch.inference_mode():
        return _hidden(functional_call(layer, dict(weights), (hidden, *args), kwargs))


def input_of(
    layer: nn.Module, module: nn.Module, number: int, batch: Batch, hidden: Tensor, weights: Weights
) -> Tensor:
    """Return what a module within a layer gets, of shape [tokens that are no padding, features]; the rest is not run."""
    inputs: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs.append(args[0])
        raise _ReachedError

    hook = module.register_forward_pre_hook(keep)
    try:
        run_layer(layer, number, batch, hidden, weights)
    except _ReachedError:
        pass
    finally:
        hook.remove()
    return inputs[0][batch.mask.bool().to(inputs[0].device)]


def groups_of(
    layer: nn.Module, names: Sequence[str], number: int, batch: Batch, hidden: Tensor
) -> list[list[str]]:
    """Return modules of a layer in the order in which they run, those that get the same input together.

    Raises:
        ModelError: one of them does not run once for all tokens (experts of a mixture).
    """
    groups: list[tuple[Tensor, list[str]]] = []

    def noted(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
            if groups and groups[-1][0] is args[0]:
                groups[-1][1].append(name)
            else:
                groups.append((args[0], [name]))

        return note

    hooks = [layer.get_submodule(name).register_forward_pre_hook(noted(name)) for name in names]
    try:
        run_layer(layer, number, batch, hidden, {})
    finally:
        for hook in hooks:
            hook.remove()
    once = sorted(name for _, group in groups for name in group) == sorted(names)
    if not once or any(given.shape[:2] != batch.ids.shape for given, _ in groups):
        raise ModelError(
            f"{type(layer).__name__}: not each of its changed weights sees all tokens once, so they cannot be fitted "
            "to rows; use another method"
        )
    return [group for _, group in groups]


def silenced(layer: nn.Module, modules: Sequence[str]) -> dict[str, Tensor]:
    """Return weights, and biases where there are, under which these modules of a layer give zeros."""
    zeros = {}
    for module in modules:
        for name, parameter in layer.get_submodule(module).named_parameters(recurse=False):
            zeros[f"{module}.{name}"] = torch.zeros_like(parameter)
    return zeros


def adds_to_stream(
    layer: nn.Module, module: str, later: Sequence[str], number: int, batch: Batch, hidden: Tensor
) -> bool:
    """Return whether a module's output is added to the layer's hidden states as it is, in the last place except for `later`.

    It is tried out: what the layer gives without the module, and its output, must sum to what the layer gives with it.
    """
    outputs: list[Tensor] = []
    hook = layer.get_submodule(module).register_forward_hook(
        lambda _module, _args, output: outputs.append(output)
    )
    try:
        with_it = run_layer(layer, number, batch, hidden, silenced(layer, later))
    finally:
        hook.remove()
    if outputs[0].shape != with_it.shape:
        return False
    without = run_layer(layer, number, batch, hidden, silenced(layer, [module, *later]))
    tolerance = 1e-2 if hidden.dtype != torch.float32 else 1e-4
    return torch.allclose(without + outputs[0], with_it, atol=tolerance, rtol=tolerance)
