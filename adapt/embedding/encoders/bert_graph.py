"""The layers of BERT (Devlin et al. 2019, arXiv:1810.04805) of width 384 in eight bits, as part of a graph for ONNX Runtime.

Attention, normalisation and GELU stay fp32. Not here: what goes into the first layer, which each encoder's graph has of its
own (`adapt.embedding.encoders.minilm_graph`, `adapt.embedding.encoders.e5_graph`).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from adapt.embedding.encoders.eight_bits import MICROSOFT, Graph, linear, quantised

HEADS, WIDTH = 12, 384
EPSILON = 1e-12

Weights = Mapping[str, npt.NDArray[np.float32]]  # by the names that transformers gives them


def layers(graph: Graph, weights: Weights, rows: str, whole: str, *, count: int) -> str:
    """Add the first `count` layers, and return the states that come out.

    Args:
        rows: what goes in, [batch · length, width].
        whole: the shape [batch, length, width]; an input of the graph named `mask` says which tokens there are.
    """
    flat = graph.sizes(-1, WIDTH)
    for layer in range(count):
        name = f"encoder.layer.{layer}."
        part = {key.removeprefix(name): weights[key] for key in weights if key.startswith(name)}
        rows = _attended(graph, part, rows, flat, whole)
        wide = graph.apply(
            "BiasGelu",
            linear(graph, part["intermediate.dense.weight"], *quantised(graph, rows)),
            graph.keep(part["intermediate.dense.bias"]),
            domain=MICROSOFT,
        )
        output = linear(graph, part["output.dense.weight"], *quantised(graph, wide))
        rows = _normalised(graph, part, "output", output, rows)
    return graph.apply("Reshape", rows, whole)


def _attended(graph: Graph, part: Weights, rows: str, flat: str, whole: str) -> str:
    names = [f"attention.self.{role}" for role in ("query", "key", "value")]
    eight = quantised(graph, rows)
    thirds = [linear(graph, part[f"{name}.weight"], *eight) for name in names]
    heads = graph.apply(
        "MultiHeadAttention",
        *(graph.apply("Reshape", third, whole) for third in thirds),
        graph.keep(np.concatenate([part[f"{name}.bias"] for name in names])),
        "mask",
        domain=MICROSOFT,
        num_heads=HEADS,
    )
    joined = graph.apply("Reshape", heads, flat)
    mixed = linear(graph, part["attention.output.dense.weight"], *quantised(graph, joined))
    return _normalised(graph, part, "attention.output", mixed, rows)


def _normalised(graph: Graph, part: Weights, name: str, states: str, rows: str) -> str:
    """Add the bias and what went in, and normalise: six times as fast as `SkipLayerNormalization`, a loop of scalars."""
    biased = graph.apply("Add", states, graph.keep(part[f"{name}.dense.bias"]))
    parameters = (
        graph.keep(part[f"{name}.LayerNorm.{parameter}"]) for parameter in ("weight", "bias")
    )
    added = graph.apply("Add", biased, rows)
    return graph.apply("LayerNormalization", added, *parameters, axis=-1, epsilon=EPSILON)
