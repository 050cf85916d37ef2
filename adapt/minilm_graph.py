"""The graph of all-MiniLM-L6-v2 in eight bits for ONNX Runtime, put together in memory from its weights.

Attention, normalisation and GELU stay fp32. What the eight bits cost in retrieval stands in `BENCHMARKS.md`.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, TensorProto

from adapt.eight_bits import MICROSOFT, Graph, adds_signed, linear, quantised, session

LAYERS, HEADS, WIDTH = 6, 12, 384
WINDOW = 256  # word pieces, [CLS] and [SEP] among them: sentence_bert_config.json
EPSILON = 1e-12

Weights = Mapping[str, npt.NDArray[np.float32]]


def open_session(weights: Weights) -> onnxruntime.InferenceSession:
    """Quantise and return what runs the graph; each call runs in the thread that makes it, several may at once."""
    return session(build(weights, signed=adds_signed()))


def build(weights: Weights, *, signed: bool) -> ModelProto:
    """Return the graph: `ids` and `mask`, int32 [batch, length], to `states`, fp32 [batch, length, 384].

    Args:
        signed: whether weights have a sign in their eight bits; see `adds_signed`.
    """
    graph = Graph(signed=signed)
    flat, shape = graph.sizes(-1, WIDTH), graph.one("Shape", "ids")
    whole = graph.one("Concat", shape, graph.sizes(WIDTH), axis=0)
    rows = graph.one("Reshape", _embedded(graph, weights), flat)
    for layer in range(LAYERS):
        part = {
            name.removeprefix(f"encoder.layer.{layer}."): tensor
            for name, tensor in weights.items()
            if name.startswith(f"encoder.layer.{layer}.")
        }
        rows = _attended(graph, part, rows, flat, whole)
        wide = graph.one(
            "BiasGelu",
            linear(graph, part["intermediate.dense.weight"], *quantised(graph, rows)),
            graph.keep(part["intermediate.dense.bias"]),
            domain=MICROSOFT,
        )
        found = linear(graph, part["output.dense.weight"], *quantised(graph, wide))
        rows = _normalised(graph, part, "output", found, rows)
    states = graph.one("Reshape", rows, whole)
    shape_of_tokens = ["batch", "length"]
    inputs = [(name, TensorProto.INT32, shape_of_tokens) for name in ("ids", "mask")]
    return graph.model("minilm", inputs, states, ("states", [*shape_of_tokens, WIDTH]))


def _embedded(graph: Graph, weights: Weights) -> str:
    positions = weights["embeddings.position_embeddings.weight"][:WINDOW]
    kinds = weights["embeddings.token_type_embeddings.weight"][0]  # of which MiniLM uses the first
    return graph.add(
        "EmbedLayerNormalization",
        "ids",
        "",
        graph.keep(weights["embeddings.word_embeddings.weight"]),
        graph.keep(positions + kinds),
        "",
        graph.keep(weights["embeddings.LayerNorm.weight"]),
        graph.keep(weights["embeddings.LayerNorm.bias"]),
        domain=MICROSOFT,
        outputs=2,
        epsilon=EPSILON,
    )[0]


def _attended(graph: Graph, part: Weights, rows: str, flat: str, whole: str) -> str:
    names = [f"attention.self.{one}" for one in ("query", "key", "value")]
    eight = quantised(graph, rows)
    thirds = [linear(graph, part[f"{one}.weight"], *eight) for one in names]
    heads = graph.one(
        "MultiHeadAttention",
        *(graph.one("Reshape", one, whole) for one in thirds),
        graph.keep(np.concatenate([part[f"{one}.bias"] for one in names])),
        "mask",
        domain=MICROSOFT,
        num_heads=HEADS,
    )
    joined = graph.one("Reshape", heads, flat)
    mixed = linear(graph, part["attention.output.dense.weight"], *quantised(graph, joined))
    return _normalised(graph, part, "attention.output", mixed, rows)


def _normalised(graph: Graph, part: Weights, name: str, found: str, rows: str) -> str:
    """Add the bias and what went in, and normalise: six times as fast as `SkipLayerNormalization`, a loop of scalars."""
    biased = graph.one("Add", found, graph.keep(part[f"{name}.dense.bias"]))
    parameters = (graph.keep(part[f"{name}.LayerNorm.{one}"]) for one in ("weight", "bias"))
    added = graph.one("Add", biased, rows)
    return graph.one("LayerNormalization", added, *parameters, axis=-1, epsilon=EPSILON)
