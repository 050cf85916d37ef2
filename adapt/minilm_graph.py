"""The graph of all-MiniLM-L6-v2 in eight bits for ONNX Runtime, put together in memory from its weights.

Each token's activations are quantised by a scale of their own, each output of a layer by a scale of its own (as LLM.int8(),
arXiv:2208.07339, does, without its outliers): a text's vector does not depend on those that it is embedded with. Attention,
normalisation and GELU stay fp32. What that costs in retrieval stands in `BENCHMARKS.md`.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LAYERS, HEADS, WIDTH = 6, 12, 384
WINDOW = 256  # word pieces, [CLS] and [SEP] among them: sentence_bert_config.json
EPSILON = 1e-12
MICROSOFT = "com.microsoft"  # whose operators fuse what BERT is made of
OPSET, IR = 17, 8
ZERO = 128  # of eight bits without a sign

Weights = Mapping[str, npt.NDArray[np.float32]]


def open_session(weights: Weights) -> onnxruntime.InferenceSession:
    """Quantise and return what runs the graph; each call runs in the thread that makes it, several may at once."""
    return _session(build(weights, signed=_adds_signed()))


def _session(model: ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # what it would fuse beyond this, Add and LayerNormalization among it, is slower here than what stands
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class _Graph:
    """Nodes and weights as they are put together."""

    def __init__(self, *, signed: bool) -> None:
        self.signed = signed
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._count = 0

    def add(
        self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **given: Any
    ) -> list[str]:
        """Add an operator and return the names of what it gives."""
        self._count += 1
        names = [f"{kind}_{self._count}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **given))
        return names

    def one(self, kind: str, *inputs: str, domain: str = "", **given: Any) -> str:
        """Add an operator that gives one thing and return its name."""
        return self.add(kind, *inputs, domain=domain, **given)[0]

    def keep(self, values: npt.NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        self._count += 1
        name = f"constant_{self._count}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def build(weights: Weights, *, signed: bool) -> ModelProto:
    """Return the graph: `ids` and `mask`, int32 [batch, length], to `states`, fp32 [batch, length, 384].

    Args:
        signed: whether weights have a sign in their eight bits; see `_adds_signed`.
    """
    graph = _Graph(signed=signed)
    flat, shape = graph.keep(np.array([-1, WIDTH], np.int64)), graph.one("Shape", "ids")
    whole = graph.one("Concat", shape, graph.keep(np.array([WIDTH], np.int64)), axis=0)
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
            _linear(graph, part["intermediate.dense.weight"], *_quantised(graph, rows)),
            graph.keep(part["intermediate.dense.bias"]),
            domain=MICROSOFT,
        )
        found = _linear(graph, part["output.dense.weight"], *_quantised(graph, wide))
        rows = _normalised(graph, part, "output", found, rows)
    graph.nodes.append(helper.make_node("Reshape", [rows, whole], ["states"]))
    of_tokens = [("ids", TensorProto.INT32), ("mask", TensorProto.INT32)]
    return _model(graph, of_tokens, ["batch", "length"], ("states", ["batch", "length", WIDTH]))


def _model(
    graph: _Graph,
    inputs: Sequence[tuple[str, int]],
    shape: Sequence[str | int],
    output: tuple[str, Sequence[str | int]],
) -> ModelProto:
    given = [helper.make_tensor_value_info(name, kind, shape) for name, kind in inputs]
    found = [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])]
    made = helper.make_graph(graph.nodes, "minilm", given, found, graph.weights)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(made, opset_imports=versions, ir_version=IR)


@functools.cache
def _adds_signed() -> bool:
    """Try out whether this processor multiplies by signed eight bits exactly.

    That is two to three times as fast as by unsigned ones where it has an instruction for it; older processors add two
    products in 16 bits, and what does not fit is cut off.
    """
    width = 64
    rows = np.full((8, width), 127, np.float32)
    weight = np.full((width, width), 127, np.float32)
    graph = _Graph(signed=True)
    graph.nodes.append(
        helper.make_node(
            "Identity", [_linear(graph, weight, *_quantised(graph, "rows"))], ["product"]
        )
    )
    model = _model(graph, [("rows", TensorProto.FLOAT)], ["n", width], ("product", ["n", width]))
    found = _session(model).run(None, {"rows": rows})[0]
    return bool(np.allclose(found, rows @ weight.T, rtol=1e-5))


def _embedded(graph: _Graph, weights: Weights) -> str:
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


def _attended(graph: _Graph, part: Weights, rows: str, flat: str, whole: str) -> str:
    names = [f"attention.self.{one}" for one in ("query", "key", "value")]
    eight = _quantised(graph, rows)
    thirds = [_linear(graph, part[f"{one}.weight"], *eight) for one in names]
    heads = graph.one(
        "MultiHeadAttention",
        *(graph.one("Reshape", one, whole) for one in thirds),
        graph.keep(np.concatenate([part[f"{one}.bias"] for one in names])),
        "mask",
        domain=MICROSOFT,
        num_heads=HEADS,
    )
    joined = graph.one("Reshape", heads, flat)
    mixed = _linear(graph, part["attention.output.dense.weight"], *_quantised(graph, joined))
    return _normalised(graph, part, "attention.output", mixed, rows)


def _normalised(graph: _Graph, part: Weights, name: str, found: str, rows: str) -> str:
    """Add the bias and what went in, and normalise: six times as fast as `SkipLayerNormalization`, a loop of scalars."""
    biased = graph.one("Add", found, graph.keep(part[f"{name}.dense.bias"]))
    parameters = (graph.keep(part[f"{name}.LayerNorm.{one}"]) for one in ("weight", "bias"))
    added = graph.one("Add", biased, rows)
    return graph.one("LayerNormalization", added, *parameters, axis=-1, epsilon=EPSILON)


def _quantised(graph: _Graph, rows: str) -> tuple[str, str]:
    """Return rows, [tokens, in], in eight bits, and the scale of each."""
    largest = graph.one("ReduceMax", graph.one("Abs", rows), axes=[1], keepdims=1)
    own = graph.one(
        "Max",
        graph.one("Mul", largest, graph.keep(np.array(1 / 127, np.float32))),
        graph.keep(np.array(1e-9, np.float32)),
    )
    one_each = graph.one("Squeeze", own, graph.keep(np.array([1], np.int64)))
    zeros = graph.one("Expand", graph.keep(np.array(ZERO, np.uint8)), graph.one("Shape", one_each))
    return graph.one("QuantizeLinear", rows, one_each, zeros, axis=0), own


def _linear(graph: _Graph, weight: npt.NDArray[np.float32], eight: str, own: str) -> str:
    """Multiply rows of eight bits by a weight, [out, in], in eight bits; the bias is left to what comes next."""
    scales = np.abs(weight).max(axis=1) / 127
    rounded = np.rint(weight.T / scales)
    kind, middle = (np.int8, 0) if graph.signed else (np.uint8, ZERO)
    product = graph.one(
        "MatMulIntegerToFloat",
        eight,
        graph.keep((rounded + middle).astype(kind)),
        graph.keep(np.array(1, np.float32)),
        graph.keep(scales.astype(np.float32)),
        graph.keep(np.array(ZERO, np.uint8)),
        graph.keep(np.full(len(scales), middle, kind)),
        domain=MICROSOFT,
    )
    return graph.one("Mul", product, own)
