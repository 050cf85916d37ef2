"""The graph of multilingual Universal Sentence Encoder v3 for ONNX Runtime, put together in memory from its weights.

Tokens' vectors go through three stacks of n-gram convolutions (of 2, 3 and 5 tokens, two layers each); all four, side by
side, are normalised, summed and projected, and four small layers make the vector (Yang et al. 2019, arXiv:1907.04307,
section 3). The projection and the convolutions multiply in eight bits, the rest is fp32.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper

from adapt.embedding.encoders.eight_bits import (
    Graph,
    Input,
    Matrix,
    adds_signed,
    eighths,
    linear,
    product,
    quantised,
    session,
)
from adapt.embedding.encoders.quiet_runtime import onnxruntime

WIDTH = 512  # of a token's vector, and of a text's
INNER = 256  # of a convolution
# tokens that a convolution sees → how many of them stand before its own
ORDERS = {2: 0, 3: 1, 5: 2}
ALL = WIDTH + len(ORDERS) * INNER
EPSILON = 1e-12

Weights = Mapping[str, npt.NDArray[np.float32]]


def open_session(weights: Weights) -> onnxruntime.InferenceSession:
    """Quantise and return what runs the graph; each call runs in the thread that makes it, several may at once."""
    return session(build(weights, signed=adds_signed()))


def build(weights: Weights, *, signed: bool) -> ModelProto:
    """Return the graph: `codes` and `blocks` to `vectors`, fp32 [batch, 512], of length 1.

    `codes`, uint8 [batch, length, 512], are the tokens' rows of the table; `blocks`, int32 [batch, length], say which of
    its blocks each is of, whose numbers are `scale * code + lo`.

    Args:
        signed: whether weights have a sign in their eight bits; see `adapt.embedding.encoders.eight_bits.adds_signed`.
    """
    graph = Graph(signed=signed)
    shape = graph.apply("Shape", "blocks")
    blocks = graph.apply("Reshape", "blocks", graph.sizes(-1))
    codes = graph.apply("Reshape", "codes", graph.sizes(-1, WIDTH))
    scale = graph.apply("Gather", graph.keep(weights["scale"][:, None]), blocks)
    low = graph.apply("Gather", graph.keep(weights["lo"][:, None]), blocks)
    tokens = graph.apply(
        "Add", graph.apply("Mul", graph.apply("Cast", codes, to=TensorProto.FLOAT), scale), low
    )
    parts = graph.add(
        "Split", _projected(graph, weights, codes, blocks, scale), outputs=len(ORDERS), axis=1
    )
    for place, order in enumerate(ORDERS):
        for layer in ("w1", "w2"):
            parts[place] = _convolved(graph, weights, f"{layer}_{order}", parts[place], shape)
    whole = _normalised(
        graph, graph.apply("Concat", tokens, *parts, axis=1), weights["ln_g"], weights["ln_b"]
    )
    rows = graph.apply("Reshape", whole, graph.apply("Concat", shape, graph.sizes(ALL), axis=0))
    vectors = _pooled(graph, weights, rows, shape)
    inputs: list[Input] = [
        ("codes", TensorProto.UINT8, ["batch", "length", WIDTH]),
        ("blocks", TensorProto.INT32, ["batch", "length"]),
    ]
    return graph.model("muse", inputs, vectors, ("vectors", ["batch", WIDTH]))


def _projected(graph: Graph, weights: Weights, codes: str, blocks: str, scale: str) -> str:
    """Return what the convolutions begin with, [tokens, 768]: `(scale * codes + lo) @ W + bias`, normalised.

    The codes are whole numbers already, so they are multiplied as they are; what `lo` and the bias add is one row for each
    block.
    """
    names = [str(order) for order in ORDERS]
    rounded, steps = eighths(np.concatenate([weights[f"proj{name}"] for name in names], axis=1).T)
    bias = np.concatenate([weights[f"proj_b{name}"] for name in names])
    added = weights["lo"][:, None] * (rounded.astype(np.float32) * steps).sum(axis=0) + bias
    rows = graph.apply("Mul", product(graph, rounded, steps, codes, zero=0), scale)
    rows = graph.apply("Add", rows, graph.apply("Gather", graph.keep(added), blocks))
    gains = np.concatenate([weights[f"ln_g{name}"] for name in names])
    return _normalised(
        graph, rows, gains, np.concatenate([weights[f"ln_b{name}"] for name in names])
    )


def _convolved(graph: Graph, weights: Weights, name: str, rows: str, shape: str) -> str:
    """Return rows, [tokens, 256], with what a convolution finds around each, rectified, added.

    Each token is multiplied once by the weights of all places that it can have in a window; then the products are moved
    to the token that the window belongs to, beyond whose text there are zeros, and added.
    """
    order = int(name.partition("_")[2])
    before = ORDERS[order]
    places = np.concatenate(np.split(weights[name], order), axis=1)  # [256, order * 256]
    products = linear(graph, np.ascontiguousarray(places.T), *quantised(graph, rows))
    products = graph.apply(
        "Reshape", products, graph.apply("Concat", shape, graph.sizes(order * INNER), axis=0)
    )
    around = graph.sizes(0, before, 0, 0, order - 1 - before, 0)
    moved = graph.apply("Pad", products, around)
    length = graph.apply("Gather", shape, graph.sizes(1))
    windows = []
    for place in range(order):
        start = graph.sizes(place, place * INNER)
        last = graph.apply("Add", length, graph.sizes(place))
        stop = graph.apply("Concat", last, graph.sizes((place + 1) * INNER), axis=0)
        windows.append(graph.apply("Slice", moved, start, stop, graph.sizes(1, 2)))
    summed = graph.apply("Reshape", graph.apply("Sum", *windows), graph.sizes(-1, INNER))
    biased = graph.apply("Add", summed, graph.keep(weights[f"b{name[1:]}"]))
    return graph.apply("Add", graph.apply("Relu", biased), rows)


def _normalised(graph: Graph, rows: str, gain: Matrix, bias: Matrix) -> str:
    return graph.apply(
        "LayerNormalization", rows, graph.keep(gain), graph.keep(bias), axis=-1, epsilon=EPSILON
    )


def _pooled(graph: Graph, weights: Weights, rows: str, shape: str) -> str:
    """Return the vectors of texts, [batch, 512], from those of their tokens, [batch, length, 1280]."""
    # a product with ones: ReduceSum adds in an order that depends on how many texts there are
    texts, length = (graph.apply("Gather", shape, graph.sizes(axis)) for axis in (0, 1))
    ones = graph.apply(
        "ConstantOfShape",
        graph.apply("Concat", texts, graph.sizes(1), length, axis=0),
        value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
    )
    summed = graph.apply("Squeeze", graph.apply("MatMul", ones, rows), graph.sizes(1))
    root = graph.apply("Sqrt", graph.apply("Cast", length, to=TensorProto.FLOAT))

    def times(name: str, vectors: str) -> str:
        return graph.apply("MatMul", vectors, graph.keep(weights[name]))

    def rectified(*parts: str) -> str:
        return graph.apply("Relu", graph.apply("Sum", *parts))

    mean = graph.apply(
        "Add",
        graph.apply("Div", times("cnn_W", summed), root),
        graph.apply("Mul", graph.keep(weights["cnn_b"]), root),
    )
    first = rectified(times("d0", mean))
    second = rectified(times("d1", first), times("p1", mean))
    third = rectified(times("d2", second))
    last = graph.apply("Tanh", graph.apply("Sum", times("d3", third), times("p3", second)))
    return graph.apply("Div", last, graph.apply("ReduceL2", last, axes=[1], keepdims=1))
