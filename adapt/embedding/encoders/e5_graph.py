"""The graph of multilingual-e5-small in eight bits for ONNX Runtime: BERT's layers over rows looked up outside of it."""

from onnx import ModelProto, TensorProto

from adapt.embedding.encoders.bert_graph import EPSILON, WIDTH, Weights, layers
from adapt.embedding.encoders.eight_bits import Graph, adds_signed, session
from adapt.embedding.encoders.quiet_runtime import onnxruntime

LAYERS = 12


def open_session(weights: Weights) -> onnxruntime.InferenceSession:
    """Quantise and return what runs the graph; each call runs in the thread that makes it, several may at once."""
    return session(build(weights, signed=adds_signed()))


def build(weights: Weights, *, signed: bool) -> ModelProto:
    """Return the graph: `rows`, fp32 [batch, length, 384], and `mask`, int32 [batch, length], to `states`, as `rows`.

    The table of 250,000 tokens stays outside, in four bits: as fp32 it would take 384 MB.

    Args:
        signed: whether weights have a sign in their eight bits; see `adapt.embedding.encoders.eight_bits.adds_signed`.
    """
    graph = Graph(signed=signed)
    normalised = graph.apply(
        "LayerNormalization",
        graph.apply("Reshape", "rows", graph.sizes(-1, WIDTH)),
        graph.keep(weights["embeddings.LayerNorm.weight"]),
        graph.keep(weights["embeddings.LayerNorm.bias"]),
        axis=-1,
        epsilon=EPSILON,
    )
    states = layers(graph, weights, normalised, graph.apply("Shape", "rows"), count=LAYERS)
    tokens: list[str | int] = ["batch", "length"]
    shape = [*tokens, WIDTH]
    inputs = [("rows", TensorProto.FLOAT, shape), ("mask", TensorProto.INT32, tokens)]
    return graph.model("e5", inputs, states, ("states", shape))
