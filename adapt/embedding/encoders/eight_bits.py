"""Graphs of eight bits for ONNX Runtime, put together in memory from a model's weights: what encoders are made of.

Each row of activations is quantised by a scale of its own, each output of a layer by a scale of its own (as LLM.int8(),
arXiv:2208.07339, does, without its outliers): a text's vector does not depend on those that it is embedded with.
Not here: the encoders (`adapt.embedding.encoders.minilm_graph`, `adapt.embedding.encoders.muse_graph`).
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from adapt.embedding.encoders.quiet_runtime import onnxruntime

MICROSOFT = "com.microsoft"  # whose operators fuse what encoders are made of
OPSET, IR = 17, 8
ZERO = 128  # of eight bits without a sign

Matrix = npt.NDArray[np.float32]
Input = tuple[str, int, Sequence[str | int]]  # name, kind of number, shape


def session(model: ModelProto) -> onnxruntime.InferenceSession:
    """Return what runs a graph; each call runs in the thread that makes it, several may at once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # what it would fuse beyond this, Add and LayerNormalization among it, is slower here than what stands
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class Graph:
    """Nodes and weights as they are put together."""

    def __init__(self, *, signed: bool) -> None:
        """Begin a graph.

        Args:
            signed: whether weights have a sign in their eight bits; see `adds_signed`.
        """
        self.signed = signed
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._count = 0

    def add(
        self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **given: Any
    ) -> list[str]:
        """Add an operator and return the names of what it gives."""
        self._count += 1
        names = [f"{kind}_{self._count}_{place}" for place in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **given))
        return names

    def apply(self, kind: str, *inputs: str, domain: str = "", **given: Any) -> str:
        """Add an operator that gives one thing and return its name."""
        return self.add(kind, *inputs, domain=domain, **given)[0]

    def keep(self, values: npt.NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        self._count += 1
        name = f"constant_{self._count}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def sizes(self, *values: int) -> str:
        """Add whole numbers as a constant, such as a shape or axes, and return its name."""
        return self.keep(np.array(values, np.int64))

    def model(
        self,
        name: str,
        inputs: Sequence[Input],
        result: str,
        output: tuple[str, Sequence[str | int]],
    ) -> ModelProto:
        """Return the whole as a model of one output, in fp32.

        Args:
            result: the name within the graph of what becomes the output.
            output: name and shape.
        """
        nodes = [*self._nodes, helper.make_node("Identity", [result], [output[0]])]
        given = [helper.make_tensor_value_info(*spec) for spec in inputs]
        outputs = [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])]
        graph = helper.make_graph(nodes, name, given, outputs, self._weights)
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=IR)


def quantised(graph: Graph, rows: str) -> tuple[str, str]:
    """Return rows, [tokens, in], in eight bits, and the scale of each, [tokens, 1]."""
    largest = graph.apply("ReduceMax", graph.apply("Abs", rows), axes=[1], keepdims=1)
    own = graph.apply(
        "Max",
        graph.apply("Mul", largest, graph.keep(np.array(1 / 127, np.float32))),
        graph.keep(np.array(1e-9, np.float32)),
    )
    one_each = graph.apply("Squeeze", own, graph.sizes(1))
    zeros = graph.apply(
        "Expand", graph.keep(np.array(ZERO, np.uint8)), graph.apply("Shape", one_each)
    )
    return graph.apply("QuantizeLinear", rows, one_each, zeros, axis=0), own


def linear(graph: Graph, weight: Matrix, eight: str, own: str) -> str:
    """Multiply rows of eight bits by a weight, [out, in], in eight bits; the bias is left to what comes next."""
    return graph.apply("Mul", product(graph, *eighths(weight), eight, zero=ZERO), own)


def eighths(weight: Matrix) -> tuple[npt.NDArray[np.int8], Matrix]:
    """Return a weight, [out, in], as whole numbers of eight bits, [in, out], and the scale of each output."""
    scales = np.abs(weight).max(axis=1) / 127
    return np.rint(weight.T / scales).astype(np.int8), scales.astype(np.float32)


def product(
    graph: Graph, rounded: npt.NDArray[np.int8], scales: Matrix, eight: str, *, zero: int
) -> str:
    """Multiply rows of eight bits, whose scale is left out, by a weight as `eighths` gives it.

    Args:
        zero: which of the rows' numbers stands for 0.
    """
    kind, middle = (np.int8, 0) if graph.signed else (np.uint8, ZERO)
    return graph.apply(
        "MatMulIntegerToFloat",
        eight,
        graph.keep((rounded.astype(np.int16) + middle).astype(kind)),
        graph.keep(np.array(1, np.float32)),
        graph.keep(scales),
        graph.keep(np.array(zero, np.uint8)),
        graph.keep(np.full(len(scales), middle, kind)),
        domain=MICROSOFT,
    )


@functools.cache
def adds_signed() -> bool:
    """Try out whether this processor multiplies by signed eight bits exactly.

    That is two to three times as fast as by unsigned ones where it has an instruction for it; older processors add two
    products in 16 bits, and what does not fit is cut off.
    """
    width = 64
    rows = np.full((8, width), 127, np.float32)
    weight = np.full((width, width), 127, np.float32)
    graph = Graph(signed=True)
    result = linear(graph, weight, *quantised(graph, "rows"))
    given: Input = ("rows", TensorProto.FLOAT, ["n", width])
    model = graph.model("product", [given], result, ("product", ["n", width]))
    computed = session(model).run(None, {"rows": rows})[0]
    return bool(np.allclose(computed, rows @ weight.T, rtol=1e-5))
