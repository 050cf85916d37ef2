"""Base models worth using: the table behind `adapt bases`, and how much memory each takes.

None of them was ever run here: the hub cannot be reached from where this is tested. What the tests run is a tiny random
model of each one's architecture, with what is peculiar about it (`tests/adapt/registry/known_families.py`). Where each fact
is from:

- licence, languages, context, whether it is gated: the model's card on the hub, named by its id.
- parameters: counted on an empty model of the shape in its `config.json` (a test counts again); its card, or another
  project's table (keras-hub's presets for Qwen and Gemma), says the same number.
- disk: computed, two bytes (bfloat16) for each number that is stored. Qwen3-0.6B stores its tied head a second time: 1.5 GB
  on the hub for 0.6 billion parameters.
- memory: `chat_bytes` and `training_bytes` below, beside what random models took in one process (resident, GB): chats over
  1,032 tokens 0.91 with 0.1 B and 2.43 with Qwen2.5-0.5B's shape, over 85 tokens 2.93 with Llama-3.2-1B's; training steps of
  208 and 976 tokens 1.36 and 2.55 with 0.1 B, of 208 tokens 3.50 and 3.78 with the other two. Larger ones are extrapolated.

Not here: fetching (`adapt.registry.bases.fetch`), and whether one fits this machine (`ui.actions.bases`).
"""

from dataclasses import dataclass

FP32_BELOW = 2_000_000_000  # bytes of weight files: smaller ones are held in fp32 on a CPU (`adapt.models.loading`)
CHECKPOINTS_FROM = (
    1_000_000_000  # parameters: activations are computed again (`finetune.planning.derive`)
)
CHAT_LIBRARIES = 500_000_000  # bytes that `adapt chat` takes beside its model
TRAINING_LIBRARIES = 700_000_000
CHAT_TOKENS = 4096  # of prompt and answer, whose keys and values are held
PASS_TOKENS = 1024  # of a training pass, half of them learned
OPTIMISER = 16  # bytes for each trained parameter: itself, its gradient and Adam's two, in fp32
HIDDEN_KEPT = 13  # numbers of a layer's width that its backward pass needs, for each token
FEED_FORWARD_KEPT = 4  # and of the width of its feed-forward
LOGITS = 3  # times that the logits of a pass are held, in fp32


@dataclass(frozen=True)
class KnownBase:
    """A base of the list.

    Attributes:
        architecture: transformers' name of it (`model_type`).
        stored_twice: numbers that its files hold a second time.
        trained: parameters of an adapter as it is by default: rank 16, every linear layer.
        hidden, feed_forward, layers, vocabulary: its shape; `kv` is the width of the keys of all heads of a layer.
        template: the form of its chat template.
        note: what a person should know before choosing it.
        checked: what the tests do with a tiny random model of its architecture.
    """

    id: str
    licence: str
    gated: bool
    parameters: int
    stored_twice: int
    trained: int
    hidden: int
    feed_forward: int
    layers: int
    kv: int
    vocabulary: int
    context: int
    languages: str
    architecture: str
    template: str
    note: str
    checked: str

    @property
    def disk_bytes(self) -> int:
        """Return the size of its weight files, in bfloat16."""
        return 2 * (self.parameters + self.stored_twice)

    @property
    def bytes_per_weight(self) -> int:
        """Return 4 where its weights are held in fp32 on a CPU, else 2."""
        return 4 if self.disk_bytes < FP32_BELOW else 2

    @property
    def chat_bytes(self) -> int:
        """Return about how much memory a chat takes: the libraries, the weights, keys and values of 4,096 tokens.

        While it is loaded, its files lie beside the weights where they are widened to fp32; the system may drop those pages.
        """
        weights = self.parameters * self.bytes_per_weight
        cache = 2 * self.layers * self.kv * CHAT_TOKENS * self.bytes_per_weight
        return CHAT_LIBRARIES + weights + cache

    @property
    def training_bytes(self) -> int:
        """Return about how much memory a training takes, with passes of 1,024 tokens (eight rows of 128)."""
        return self.training_bytes_for(PASS_TOKENS)

    def training_bytes_for(self, tokens: int) -> int:
        """Return about how much memory a training takes, with passes of so many tokens, half of them learned.

        The libraries, the weights, the adapter and its optimiser, what the backward pass needs of the layers (of one layer
        and every layer's input where they are computed again), and the logits of the tokens that are learned.
        """
        weights = self.parameters * self.bytes_per_weight
        width = self.bytes_per_weight
        layer = (HIDDEN_KEPT * self.hidden + FEED_FORWARD_KEPT * self.feed_forward) * width
        again = self.parameters >= CHECKPOINTS_FROM
        kept = layer + self.layers * self.hidden * width if again else self.layers * layer
        logits = tokens // 2 * self.vocabulary * 4 * LOGITS
        return TRAINING_LIBRARIES + weights + OPTIMISER * self.trained + tokens * kept + logits


TESTED = "loaded, template rendered, one LoRA step, two adapters merged"
KNOWN = (
    KnownBase(
        id="Qwen/Qwen2.5-0.5B-Instruct",
        licence="apache-2.0",
        gated=False,
        parameters=494_032_768,
        stored_twice=0,
        trained=8_798_208,
        hidden=896,
        feed_forward=4864,
        layers=24,
        kv=128,
        vocabulary=151_936,
        context=32_768,
        languages="over 29, Spanish among them",
        architecture="qwen2",
        template="ChatML, with a system message of its own where there is none",
        note="the smallest of the list",
        checked=f"{TESTED}, written as GGUF",
    ),
    KnownBase(
        id="Qwen/Qwen3-0.6B",
        licence="apache-2.0",
        gated=False,
        parameters=596_049_920,
        stored_twice=155_582_464,
        trained=10_092_544,
        hidden=1024,
        feed_forward=3072,
        layers=28,
        kv=1024,
        vocabulary=151_936,
        context=32_768,
        languages="over 100",
        architecture="qwen3",
        template="ChatML; thinks before it answers unless told not to, which Adapt does",
        note="its files hold the head twice, memory once",
        checked=f"{TESTED}, written as GGUF",
    ),
    KnownBase(
        id="google/gemma-3-1b-it",
        licence="gemma",
        gated=True,
        parameters=999_885_952,
        stored_twice=0,
        trained=13_045_760,
        hidden=1152,
        feed_forward=6912,
        layers=26,
        kv=256,
        vocabulary=262_144,
        context=32_768,
        languages="over 140, as the family",
        architecture="gemma3_text",
        template="Gemma: turns of user and model, the system message within the user's first",
        note="under Gemma's terms of use, which are passed on with what is made of it",
        checked=f"{TESTED}, written as GGUF",
    ),
    KnownBase(
        id="meta-llama/Llama-3.2-1B-Instruct",
        licence="llama3.2",
        gated=True,
        parameters=1_235_814_400,
        stored_twice=0,
        trained=11_272_192,
        hidden=2048,
        feed_forward=8192,
        layers=16,
        kv=512,
        vocabulary=128_256,
        context=131_072,
        languages="English, German, French, Italian, Portuguese, Hindi, Spanish, Thai",
        architecture="llama",
        template="Llama 3: headers of roles",
        note="under Llama 3.2's community licence: what is made of it is named 'Llama …' and says 'Built with Llama'",
        checked=f"{TESTED}, written as GGUF",
    ),
    KnownBase(
        id="BSC-LT/salamandra-2b-instruct",
        licence="apache-2.0",
        gated=False,
        parameters=2_253_490_176,
        stored_twice=0,
        trained=14_917_632,
        hidden=2048,
        feed_forward=5440,
        layers=24,
        kv=2048,
        vocabulary=256_000,
        context=8192,
        languages="35 European languages, Spanish, Catalan, Galician and Basque among them",
        architecture="llama",
        template="ChatML",
        note="of the Barcelona Supercomputing Center; not aligned against harmful answers, its card says",
        checked=f"{TESTED}, written as GGUF",
    ),
    KnownBase(
        id="ibm-granite/granite-3.3-2b-instruct",
        licence="apache-2.0",
        gated=False,
        parameters=2_533_539_840,
        stored_twice=0,
        trained=28_180_480,
        hidden=2048,
        feed_forward=8192,
        layers=40,
        kv=512,
        vocabulary=49_159,
        context=131_072,
        languages="12: English, Spanish, German, French, Portuguese, Italian, Dutch, Czech, Arabic and three of Asia",
        architecture="granite",
        template="Granite: roles between marks, a system message of its own where there is none",
        note="its card names answers over documents and tool calls among its uses; GGUF of it is not written here",
        checked=TESTED,
    ),
    KnownBase(
        id="HuggingFaceTB/SmolLM3-3B",
        licence="apache-2.0",
        gated=False,
        parameters=3_075_098_624,
        stored_twice=0,
        trained=30_228_480,
        hidden=2048,
        feed_forward=11_008,
        layers=36,
        kv=512,
        vocabulary=128_256,
        context=65_536,
        languages="English, French, Spanish, German, Italian, Portuguese",
        architecture="smollm3",
        template="ChatML with metadata; thinks before it answers unless told not to, which Adapt does",
        note="its data and training are public; GGUF of it is not written here",
        checked=TESTED,
    ),
    KnownBase(
        id="Qwen/Qwen3-4B-Instruct-2507",
        licence="apache-2.0",
        gated=False,
        parameters=4_022_468_096,
        stored_twice=0,
        trained=33_030_144,
        hidden=2560,
        feed_forward=9728,
        layers=36,
        kv=1024,
        vocabulary=151_936,
        context=262_144,
        languages="over 100",
        architecture="qwen3",
        template="ChatML; never thinks aloud",
        note="the largest of the list",
        checked=f"{TESTED}, written as GGUF",
    ),
)


def known_ids() -> list[str]:
    """Return the ids of the list."""
    return [known.id for known in KNOWN]
