"""Cuts textbooks into passages and asks for their sentences by rare words; makes documents of coined facts too."""

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from adapt.starter.recipe.coined import coin_name
from adapt.starter.recipe.facts import Fact, make_fact, templates

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÁÉÍÓÚÑ¿¡])")
_WORD = re.compile(r"[A-Za-zÁÉÍÓÚÜÑáéíóúüñ]{4,}")
_FILES = [
    "handbook",
    "notes",
    "report",
    "rules",
    "guide",
    "manual",
    "minutes",
    "letter",
    "contract",
    "faq",
    "plan",
    "history",
    "manual",
    "informe",
    "guía",
    "acta",
]
_ENDINGS = (".pdf, page {}", ".md", ".txt", ".docx", ".pdf, page {}", ".html", ".md, section {}")


@dataclass(frozen=True)
class Library:
    """Paragraphs of real text in one language, as lists of sentences, with how common each word is."""

    paragraphs: list[list[str]]
    frequency: Counter[str]
    words: list[str]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph, without the spaces around them."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text)]


def build_library(texts: Iterable[str]) -> Library:
    """Cut texts into paragraphs of two or more sentences that may be quoted."""
    paragraphs: list[list[str]] = []
    frequency: Counter[str] = Counter()
    for text in texts:
        for block in text.split("\n"):
            if block.startswith("#"):
                continue
            frequency.update({word.lower() for word in _WORD.findall(block)})
            sentences = split_sentences(block)
            sentences = [
                one
                for one in sentences
                if 25 <= len(one) <= 260 and one[-1] in ".!?" and "[" not in one
            ]
            if len(sentences) >= 2:
                paragraphs.append(sentences)
    words = sorted(word for word, count in frequency.items() if count >= 20 and len(word) <= 9)
    return Library(paragraphs, frequency, words)


def real_passage(rng: random.Random, library: Library) -> list[str]:
    """Return 2 to 6 successive sentences of real text, at most about 600 characters."""
    paragraph = rng.choice(library.paragraphs)
    start = rng.randrange(max(1, len(paragraph) - 2))
    sentences: list[str] = []
    room = rng.randint(200, 620)
    for sentence in paragraph[start : start + 6]:
        if sentences and room < len(sentence):
            break
        sentences.append(sentence)
        room -= len(sentence)
    return sentences


def ask_for_sentence(
    rng: random.Random,
    library: Library,
    passages: list[list[str]],
    *,
    spanish: bool,
    held_out: bool,
) -> tuple[str, str, int] | None:
    """Return (question, sentence, index of its passage), or None where no sentence has a word to itself."""
    counts = Counter(
        word.lower() for one in passages for text in one for word in set(_WORD.findall(text))
    )
    index = rng.randrange(len(passages))
    sentence = rng.choice(passages[index])
    found = list(dict.fromkeys(_WORD.findall(sentence)))
    rare = [
        word
        for word in found
        if counts[word.lower()] == 1 and library.frequency[word.lower()] < 300
    ]
    if not rare or sum(sentence in one for one in passages) != 1:
        return None
    rare.sort(key=lambda word: library.frequency[word.lower()])
    subject = rare[0] if rng.random() < 0.5 else rng.choice(rare[:3])
    place = sentence.find(subject)
    if rng.random() < 0.4:  # the word with its neighbour, as people ask
        match = re.match(r"\S*\s[\w'-]+", sentence[place:])
        subject = match.group(0) if match else subject
    elif rng.random() < 0.5 and len(rare) > 1:
        other = rng.choice(rare[1:5])
        subject = f"{subject} {'y' if spanish else 'and'} {other}" if other != subject else subject
    return _question(rng, subject, spanish=spanish, held_out=held_out), sentence, index


_ASK = (
    "What do the documents say about {}?", "Tell me about {}", "{}?", "What is said about {}?", "What about {}?",
    "Quote the sentence about {}.", "Where do they mention {}?", "Explain {}", "What do you know about {}?",
    "Find the sentence with {}.", "Do the documents mention {}?",
)  # fmt: skip
_PREGUNTA = (
    "¿Qué dicen los documentos sobre {}?", "Háblame de {}", "¿{}?", "¿Qué se dice de {}?", "¿Y {}?",
    "Cita la frase sobre {}.", "¿Dónde se menciona {}?", "Explica {}",
)  # fmt: skip
_ASK_HELD_OUT = ("What does it say on {}?", "I want to know about {}.")
_PREGUNTA_HELD_OUT = ("¿Qué pone sobre {}?",)


def _question(rng: random.Random, subject: str, *, spanish: bool, held_out: bool) -> str:
    if held_out:
        return rng.choice(_PREGUNTA_HELD_OUT if spanish else _ASK_HELD_OUT).format(subject)
    return rng.choice(_PREGUNTA if spanish else _ASK).format(subject)


def fact_passages(
    rng: random.Random, library: Library, *, count: int, spanish: bool, held_out: bool
) -> tuple[list[list[str]], Fact, int, Fact]:
    """Return passages about coined things, a fact in them with its index, and one that is not in them.

    The others are near misses on purpose: the same sort of fact about another name, another sort about the same name.
    """
    kinds = templates(spanish=spanish, held_out=held_out)
    known = kinds + (templates(spanish=spanish, held_out=False) if held_out else ())
    fact = make_fact(rng, rng.choice(kinds), held_out=held_out)
    sentences = [
        make_fact(rng, rng.choice(known), held_out=held_out).sentence
        for _ in range(rng.randint(1, 2 * count))
    ]
    if rng.random() < 0.6:
        sentences.append(make_fact(rng, fact.template, held_out=held_out).sentence)
    others = [one for one in known if one is not fact.template]
    if rng.random() < 0.6:
        sentences.append(
            make_fact(rng, rng.choice(others), held_out=held_out, name=fact.name).sentence
        )
    sentences += rng.choice(library.paragraphs)[: rng.randint(0, 3)] if rng.random() < 0.5 else []
    sentences.append(fact.sentence)
    rng.shuffle(sentences)
    passages = [sentences[start::count] for start in range(count) if sentences[start::count]]
    for index, passage in enumerate(passages):
        if rng.random() < 0.25 and fact.sentence not in passage:
            passages[index] = real_passage(rng, library)
    where = next(index for index, passage in enumerate(passages) if fact.sentence in passage)
    text = " ".join(" ".join(passage) for passage in passages)
    while True:
        missing = make_fact(rng, rng.choice(kinds), held_out=held_out)
        if rng.random() < 0.4:  # the right name, but what is asked about it is not told
            missing = make_fact(rng, rng.choice(kinds), held_out=held_out, name=fact.name)
        if missing.template is not fact.template and _absent(missing, text, sentences):
            return passages, fact, where, missing


def _absent(missing: Fact, text: str, sentences: list[str]) -> bool:
    if missing.name not in text:
        return True
    about = [one for one in sentences if missing.name in one]
    stem = re.split(r"\{[nv]\}", missing.template.statements[0])
    return not any(all(part.strip() in one for part in stem) for one in about)


def source_name(rng: random.Random, *, held_out: bool) -> str:
    """Return a passage's file name, with a page where the file has pages."""
    stem = rng.choice(_FILES) if rng.random() < 0.7 else coin_name(rng, held_out=held_out).lower()
    return stem + rng.choice(_ENDINGS).format(rng.randint(1, 60))
