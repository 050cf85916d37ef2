"""Cuts real text into passages and makes questions for their sentences: by some of their words, or with a part left out."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapt.language.sentences import sentence_spans
from adapt.starter.recipe.texts.cloze import make_cloze
from adapt.starter.recipe.texts.coined import coin_name
from adapt.starter.recipe.texts.mixed import make_mixed

_WORD = re.compile(r"[A-Za-zÁÉÍÓÚÜÑáéíóúüñ]{4,}")
_FILES = (
    "handbook", "notes", "report", "rules", "guide", "manual", "minutes", "letter", "contract", "faq", "plan", "history",
    "informe", "guía", "acta", "policy", "readme", "wiki",
)  # fmt: skip
_ENDINGS = (
    ".pdf, page {}",
    ".md",
    ".txt",
    ".docx",
    ".pdf, page {}",
    ".html",
    ".md, section {}",
    "",
)


@dataclass(frozen=True)
class Library:
    """Paragraphs of real text in one language, as lists of sentences, with how common each word is."""

    paragraphs: list[list[str]]
    frequency: Counter[str]
    words: list[str]


def build_library(texts: Iterable[str]) -> Library:
    """Cut texts into paragraphs of two or more sentences that may be quoted."""
    paragraphs: list[list[str]] = []
    frequency: Counter[str] = Counter()
    for text in texts:
        for block in text.split("\n"):
            if block.startswith("#"):
                continue
            frequency.update(word.lower() for word in _WORD.findall(block))
            sentences = [
                sentence
                for start, end in sentence_spans(block)
                if 25 <= len(sentence := block[start:end]) <= 260
                and sentence[-1] in ".!?"
                and "[" not in sentence
            ]
            if len(sentences) >= 2:
                paragraphs.append(sentences)
    short = sorted(word for word in frequency if len(word) <= 9)
    common = [word for word in short if frequency[word] >= 20]
    return Library(paragraphs, frequency, common or short)


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


def pseudo_question(
    rng: random.Random,
    sentence: str,
    frequency: Counter[str],
    *,
    others: Sequence[str],
    spanish: bool,
    held_out: bool,
) -> tuple[str, str] | None:
    """Return (question, the words that answer it or '') that only this sentence of those shown answers, if there is one.

    In training a third ask for a part of it (a year, a number, a name) by the words around, a third mix its words with others';
    the rest name some of its words.
    """
    draw = 1.0 if held_out else rng.random()
    if draw < 0.35:
        cloze = make_cloze(rng, sentence, spanish=spanish)
        if cloze:
            return cloze
    elif draw < 0.7:
        mixed = make_mixed(rng, sentence, others, frequency, spanish=spanish)
        if mixed:
            return mixed, ""
    known = {word.lower() for text in others for word in _WORD.findall(text)}
    words = list(dict.fromkeys(_WORD.findall(sentence)))
    rare = [word for word in words if word.lower() not in known]
    if not rare:
        return None
    rare.sort(key=lambda word: frequency[word.lower()])
    subject = rare[0] if rng.random() < 0.5 else rng.choice(rare[:3])
    place = sentence.find(subject)
    draw = rng.random()
    if draw < 0.35:  # the word with its neighbour, as people ask
        match = re.match(r"\S*\s[\w'-]+", sentence[place:])
        subject = match.group(0) if match else subject
    elif draw < 0.65 and len(words) > 1:
        more = [word for word in words if word != subject][:12]
        several = [subject, *rng.sample(more, k=min(len(more), rng.randint(1, 3)))]
        rng.shuffle(several)
        subject = (
            (" y " if spanish else " and ").join(several)
            if len(several) < 3 and draw < 0.5
            else " ".join(several)
        )
    if rng.random() < 0.2:
        subject = subject.lower()
    if held_out:
        return rng.choice(_PREGUNTA_HELD_OUT if spanish else _ASK_HELD_OUT).format(subject), ""
    return rng.choice(_PREGUNTA if spanish else _ASK).format(subject), ""


_ASK = (
    "What do the documents say about {}?", "Tell me about {}", "{}?", "What is said about {}?", "What about {}?",
    "Quote the sentence about {}.", "Where do they mention {}?", "Explain {}", "What do you know about {}?",
    "Find the sentence with {}.", "Do the documents mention {}?", "{}", "What is {}?", "Who or what is {}?", "Is there anything on {}?",
)  # fmt: skip
_PREGUNTA = (
    "¿Qué dicen los documentos sobre {}?", "Háblame de {}", "¿{}?", "¿Qué se dice de {}?", "¿Y {}?",
    "Cita la frase sobre {}.", "¿Dónde se menciona {}?", "Explica {}", "{}", "¿Qué es {}?", "¿Hay algo sobre {}?",
)  # fmt: skip
_ASK_HELD_OUT = ("What does it say on {}?", "I want to know about {}.")
_PREGUNTA_HELD_OUT = ("¿Qué pone sobre {}?",)


def source_name(rng: random.Random, *, held_out: bool) -> str:
    """Return a passage's file name, with a page where the file has pages."""
    stem = rng.choice(_FILES) if rng.random() < 0.7 else coin_name(rng, held_out=held_out).lower()
    return stem + rng.choice(_ENDINGS).format(rng.randint(1, 60))
