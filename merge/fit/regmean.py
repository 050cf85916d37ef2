"""RegMean, layer by layer: the merged weights whose outputs are nearest to what each adapter gives on rows of its domain.

For one weight, with the rows of domain i, X̂ᵢ its inputs under the base and adapter i alone, and Xᵢ its inputs under the
merged model as far as it is finished:

    W = argmin  Σ wᵢ/Nᵢ·‖(W·Xᵢ - Yᵢ)·√Dᵢ‖² + r·‖W - W₀‖²,   Yᵢ = Wᵢ·X̂ᵢ + (Ŝᵢ - Sᵢ)
      = (Σ wᵢ/Nᵢ·Yᵢ·Dᵢ·Xᵢᵀ + r·W₀)·(Σ wᵢ/Nᵢ·Xᵢ·Dᵢ·Xᵢᵀ + r·I)⁻¹,   r = ridge · mean of the left sum's diagonal

Ŝᵢ - Sᵢ, how far the hidden states are apart that the output is added to, is there for weights whose output is added to them
as it is (of attention and of the feed-forward part in most families; not in Gemma 2 and 3, which norm it first).
Dᵢ counts a token that predicts a part of an answer `ANSWER` times, and Nᵢ is its trace. Directions of the input that no
row uses keep the base's weight.

References: Jin et al. 2023, Dataless knowledge fusion by merging weights (RegMean), arXiv:2212.09849, equation 1, where
both inputs are X̂ᵢ; Nguyen et al. 2025, RegMean++, arXiv:2508.03121, where both are Xᵢ. With X̂ᵢ for the targets and Xᵢ
for the inputs a layer makes up for what the layers before it lost, as Li et al. 2025, GPTAQ, arXiv:2504.02692, do for
quantisation.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from adapt.errors import ModelError, RecipeError
from adapt.evaluation.likelihood import IGNORED, AnswerRow, batches, encode_answers, pad
from adapt.evaluation.tasks import Task
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from merge.check.resolve import Resolved
from merge.fit.domains import Domain
from merge.fit.layers import (
    Batch,
    adds_to_stream,
    find_layers,
    groups_of,
    record_calls,
    run_layer,
    silenced,
)
from merge.fit.least_squares import FitRows, Site, solve, sums_of
from merge.fit.swapped_model import SwappedModel, merger_of
from merge.methods.terms import TermsOf
from merge.methods.trial import one_adapter
from merge.weights.delta_tensors import DTYPES
from merge.weights.plan import OutputTensor

ANSWER = 4.0
MOST_TOKENS = 1 << 15  # of a domain: hidden states of them are kept
WEIGHT = ".weight"


class Fitter:
    """Fits merges of a recipe's adapters to rows of their domains, with a base in memory."""

    def __init__(
        self, resolved: Resolved, swapped: SwappedModel, domains: Sequence[Domain]
    ) -> None:
        """Take rows of each adapter's domain as tokens.

        Raises:
            RecipeError: an adapter has no rows.
            ModelError: an adapter changes what is no linear map within a layer.
        """
        self._resolved = resolved
        self._swapped = swapped
        self._layers = find_layers(swapped.model)
        self._places = self._located()
        count = len(resolved.adapters)
        missing = [i for i in range(count) if i not in {domain.adapter for domain in domains}]
        if missing:
            raise RecipeError(
                "regmean and distill learn from rows of every adapter's domain, and "
                f"'{resolved.adapters[missing[0]].reference}' has none: name a file for it under calibration "
                "(--calibration ADAPTER=FILE)"
            )
        self._batches = [
            self._encoded([d.task for d in domains if d.adapter == i]) for i in range(count)
        ]
        every = [batch for pairs in self._batches for batch, _ in pairs]
        record_calls(swapped.model, self._layers, every)

    def weights(self, terms: TermsOf, *, progress: Progress = no_progress) -> dict[str, Tensor]:
        """Return the merged weights by name, rounded to the output's dtype; the same for the same rows and terms."""
        rows = [
            [FitRows(batch, counts, _first(batch), _first(batch)) for batch, counts in pairs]
            for pairs in self._batches
        ]
        fitted: dict[str, Tensor] = {}
        for number, layer in enumerate(self._layers):
            progress(ProgressEvent("fit", number, len(self._layers), f"layer {number}"))
            tensors = self._places.get(number, {})
            own = [self._own(i, tensors) for i in range(len(rows))]
            merged = self._fit_layer(number, layer, tensors, own, rows, terms)
            for place, domain in enumerate(rows):
                for group in domain:
                    group.own = run_layer(layer, number, group.batch, group.own, own[place])
                    group.merged = run_layer(layer, number, group.batch, group.merged, merged)
            fitted |= {tensors[name].record.name: weight for name, weight in merged.items()}
        progress(ProgressEvent("fit", len(self._layers), len(self._layers)))
        return fitted

    def _fit_layer(
        self,
        number: int,
        layer: nn.Module,
        tensors: Mapping[str, OutputTensor],
        own: Sequence[Mapping[str, Tensor]],
        rows: Sequence[Sequence[FitRows]],
        terms: TermsOf,
    ) -> dict[str, Tensor]:
        """Return a layer's merged weights by their names within it, fitted in the order in which they are used."""
        merged: dict[str, Tensor] = {}
        names = [name.removesuffix(WEIGHT) for name in tensors]
        batch, hidden = rows[0][0].batch, rows[0][0].merged
        groups = groups_of(layer, names, number, batch, hidden) if names else []
        for place, group in enumerate(groups):
            later = [name for other in groups[place + 1 :] for name in other]
            adds = len(group) == 1 and adds_to_stream(layer, group[0], later, number, batch, hidden)
            site = Site(
                layer, number, group[0], silenced(layer, [*group, *later]) if adds else None
            )
            sums = [sums_of(site, domain, own[i], merged) for i, domain in enumerate(rows)]
            fresh = {}
            for name in group:
                tensor = tensors[name + WEIGHT]
                terms_here = terms(tensor.record.name)
                matrices = [weights[name + WEIGHT] for weights in own]
                base = self._swapped.original(tensor.record.name)
                flips = isinstance(layer.get_submodule(name), Conv1D)
                try:
                    solved = solve(sums, matrices, base, terms_here, flips=flips)
                except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # torch's own name for it
                    raise ModelError(
                        f"{tensor.record.name}: the rows do not determine it; use a larger ridge, or more rows"
                    ) from error
                rounded = solved.to(DTYPES[tensor.record.dtype])
                fresh[name + WEIGHT] = rounded.to(base)
            merged |= fresh
        return merged

    def _own(self, place: int, tensors: Mapping[str, OutputTensor]) -> dict[str, Tensor]:
        """Return the weights of a layer under one adapter alone."""
        alone = one_adapter(place, of=len(self._resolved.adapters))
        merger = merger_of(self._resolved, alone)
        with merger.one_thread():
            return {
                name: merger.tensor(tensor).to(self._swapped.original(tensor.record.name))
                for name, tensor in tensors.items()
            }

    def _located(self) -> dict[int, dict[str, OutputTensor]]:
        """Return the changed tensors by layer and by their name within it."""
        names = {
            id(parameter): (number, name)
            for number, layer in enumerate(self._layers)
            for name, parameter in layer.named_parameters()
        }
        located: dict[int, dict[str, OutputTensor]] = {}
        for tensor in self._swapped.changed:
            known = names.get(id(self._swapped.parameter(tensor.record.name)))
            module = None
            if known is not None and known[1].endswith(WEIGHT):
                module = self._layers[known[0]].get_submodule(known[1].removesuffix(WEIGHT))
            if known is None or not isinstance(module, nn.Linear | Conv1D):
                raise ModelError(
                    f"regmean and distill fit the linear maps within layers, and {tensor.record.name} is none; "
                    "use task_arithmetic or ties"
                )
            located.setdefault(known[0], {})[known[1]] = tensor
        return located

    def _encoded(self, tasks: Sequence[Task]) -> list[tuple[Batch, Tensor]]:
        """Return rows as batches, with how much each token counts that is no padding."""
        runtime = self._swapped.runtime
        length = runtime.context_length
        every = [e for task in tasks for e in task.examples]
        rows: list[AnswerRow] = []
        tokens = 0
        for row in encode_answers(runtime.tokenizer, every, context_length=length):
            if rows and tokens + row.length > MOST_TOKENS:
                break
            rows.append(row)
            tokens += row.length
        encoded = []
        for indices in batches(rows):
            ids, mask, labels = pad([rows[i] for i in indices], int(runtime.tokenizer.pad_token_id))
            counts = torch.ones(ids.shape)
            counts[:, :-1][labels[:, 1:] != IGNORED] = ANSWER
            encoded.append((Batch(ids, mask), counts[mask.bool()]))
        return encoded


def _first(batch: Batch) -> Tensor:
    if batch.first is None:
        raise ValueError("its calls were not recorded")
    return batch.first
