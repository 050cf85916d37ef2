"""Small talk and short tasks without documents, in English and Spanish."""

import random
from collections.abc import Callable

from adapt.starter.recipe.texts.coined import FIRST_NAMES, coin_name, coin_value

TALK_ENGLISH = (
    ("Hello | Hi | Hello! | Hi there | Hey | Good morning | Good evening", "Hello! How can I help you?"),
    ("How are you? | How are you doing? | Are you well?", "I am well, thank you. What can I do for you?"),
    ("Who are you? | What are you? | What is your name? | Tell me about yourself.", "I am Adapt, a small assistant. I answer from your documents and learn from your feedback."),
    ("What can you do? | Help | How can you help me? | What are you good for?", "I can answer questions about your documents, quote the sentence and cite it. You can also correct me, and I will remember."),
    ("Thanks | Thank you | Thank you! | Thanks a lot | Many thanks | Great, thanks", "You are welcome!"),
    ("Bye | Goodbye | See you | Good night | See you tomorrow", "Goodbye! Come back any time."),
    ("Are you a person? | Are you human? | Are you real?", "No, I am a language model, a small one."),
    ("You are wrong. | That is wrong. | That is not right.", "I am sorry. Please tell me the right answer, and I will remember it."),
    ("Good job | Well done | That was helpful | Very good", "Thank you! I am glad that it helped."),
    ("Do you speak Spanish? | Can you speak Spanish?", "Yes, a little. You can write to me in Spanish."),
    ("Tell me a joke. | Do you know a joke?", "Why did the book go to the doctor? It had too many problems with its back."),
)  # fmt: skip
TALK_SPANISH = (
    ("Hola | ¡Hola! | Buenos días | Buenas tardes | Buenas", "¡Hola! ¿En qué puedo ayudarte?"),
    ("¿Cómo estás? | ¿Qué tal? | ¿Cómo te va?", "Muy bien, gracias. ¿Qué puedo hacer por ti?"),
    ("¿Quién eres? | ¿Cómo te llamas? | ¿Qué eres?", "Soy Adapt, un pequeño asistente. Respondo con tus documentos y aprendo de tus comentarios."),
    ("¿Qué puedes hacer? | Ayuda | ¿Cómo puedes ayudarme?", "Puedo responder preguntas sobre tus documentos, copiar la frase y citarla. También puedes corregirme, y lo recordaré."),
    ("Gracias | Muchas gracias | ¡Gracias! | Perfecto, gracias", "¡De nada!"),
    ("Adiós | Hasta luego | Hasta mañana | Buenas noches", "¡Adiós! Vuelve cuando quieras."),
    ("¿Eres una persona? | ¿Eres humano?", "No, soy un modelo de lenguaje, uno pequeño."),
    ("Eso está mal. | Te equivocas. | No es correcto.", "Lo siento. Dime la respuesta correcta y la recordaré."),
    ("¿Hablas español? | ¿Puedes hablar español?", "Sí, un poco. Puedes escribirme en español."),
)  # fmt: skip


def make_talk(rng: random.Random, *, spanish: bool) -> tuple[str, str]:
    """Return a greeting, thanks or a question about the assistant, with its reply."""
    asked, reply = rng.choice(TALK_SPANISH if spanish else TALK_ENGLISH)
    remark = rng.choice(asked.split(" | "))
    if rng.random() < 0.2:
        remark = remark.lower()
    if rng.random() < 0.1 and not spanish:
        remark = remark.rstrip(".!?") + rng.choice((", Adapt!", ", please.", " :)", "!"))
    return remark, reply


def talk_in(
    rng: random.Random, topic: int, *, spanish: bool, answer_spanish: bool
) -> tuple[str, str]:
    """Return something said in one language with its reply in another; the first eight topics are in both."""
    asked = (TALK_SPANISH if spanish else TALK_ENGLISH)[topic][0]
    reply = (TALK_SPANISH if answer_spanish else TALK_ENGLISH)[topic][1]
    return rng.choice(asked.split(" | ")), reply


def make_task(rng: random.Random, words: list[str], *, held_out: bool) -> tuple[str, str]:
    """Return a short task over words drawn from `words` or coined, and its result."""
    return rng.choice(_TASKS)(rng, words, held_out)


def _phrase(rng: random.Random, words: list[str], held_out: bool, *, most: int = 7) -> list[str]:
    picked = [rng.choice(words) for _ in range(rng.randint(2, most))]
    picked[rng.randrange(len(picked))] = coin_name(rng, held_out=held_out)
    return picked


def _repeat(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    text = " ".join(_phrase(rng, words, held_out, most=12))
    ask = rng.choice(
        ("Repeat: {}", "Say this again: {}", "Repeat after me: {}", "Copy this: {}", "Repite: {}")
    )
    return ask.format(text), text


def _upper(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    text = " ".join(_phrase(rng, words, held_out, most=3))
    ask = rng.choice(("Write in capitals: {}", "Uppercase: {}", "En mayúsculas: {}"))
    return ask.format(text), text.upper()


def _spell(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    word = coin_name(rng, held_out=held_out) if rng.random() < 0.5 else rng.choice(words)
    return rng.choice(("Spell {}", "Spell the word {}.", "Deletrea {}")).format(word), "-".join(
        word.upper()
    )


def _count(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    picked = _phrase(rng, words, held_out, most=9)
    return f"How many words are in: {' '.join(picked)}", str(len(picked))


def _reverse(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    picked = _phrase(rng, words, held_out, most=6)
    ask = rng.choice(
        ("Reverse this list: {}", "Write this list backwards: {}", "Invierte esta lista: {}")
    )
    return ask.format(", ".join(picked)), ", ".join(reversed(picked))


def _pick(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    kind, called = rng.choice(
        (
            ("email", "email address"),
            ("number", "number"),
            ("code", "code"),
            ("phone", "phone number"),
        )
    )
    value = coin_value(rng, kind, spanish=False, held_out=held_out)
    picked = _phrase(rng, words, held_out, most=10)
    picked.insert(rng.randrange(len(picked) + 1), value)
    ask = rng.choice(
        ("Find the {} in this text: {}", "Extract the {}: {}", "What is the {} here? {}")
    )
    return ask.format(called, " ".join(picked)), value


def _first_last(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    picked = _phrase(rng, words, held_out, most=8)
    which, index = rng.choice((("first", 0), ("last", -1)))
    return f"What is the {which} word of: {' '.join(picked)}", picked[index]


def _sort(rng: random.Random, words: list[str], held_out: bool) -> tuple[str, str]:
    picked = [rng.choice(FIRST_NAMES) for _ in range(rng.randint(3, 4))]
    return f"Make a list: {' and '.join(picked)}", "\n".join(f"- {name}" for name in picked)


_TASKS: tuple[Callable[[random.Random, list[str], bool], tuple[str, str]], ...] = (
    _repeat, _repeat, _upper, _spell, _count, _reverse, _pick, _pick, _first_last, _sort,
)  # fmt: skip
