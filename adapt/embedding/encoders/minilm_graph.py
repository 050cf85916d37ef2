"""The graph of all-MiniLM-L6-v2 in eight bits for ONNX Runtime, put together in memory from its weights.

What the eight bits cost in retrieval stands in `BENCHMARKS.md`.
"""

from onnx import ModelProto, TensorProto

from adapt.embedding.encoders.bert_graph import EPSILON, WIDTH, Weights, layers
from adapt.embedding.encoders.eight_bits import MICROSOFT, Graph, adds_signed, session
from adapt.embedding.encoders.quiet_runtime import onnxruntime

LAYERS = 6
WINDOW = 256  # word pieces, [CLS] and [SEP] among them: sentence_bert_config.json


def open_session(weights: Weights) -> onnxruntime.InferenceSession:
    """Quantise and return what runs the graph; each call runs in the thread that makes it, several may at once."""
    return session(build(weights, signed=adds_signed()))


def build(weights: Weights, *, signed: bool) -> ModelProto:
    """Return the graph: `ids` and `mask`, int32 [batch, length], to `states`, fp32 [batch, length, 384].

    Args:
        signed: whether weights have a sign in their eight bits; see `adds_signed`.
    """
    graph = Graph(signed=signed)
    flat, shape = graph.sizes(-1, WIDTH), graph.apply("Shape", "ids")
    whole = graph.apply("Concat", shape, graph.sizes(WIDTH), axis=0)
    rows = graph.apply("Reshape", _embedded(graph, weights), flat)
    states = layers(graph, weights, rows, whole, count=LAYERS)
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
