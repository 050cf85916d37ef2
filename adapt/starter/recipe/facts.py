"""Facts with coined names, as sentences and the questions that they answer, in English and Spanish.

In a template `{n}` is the coined name that the question asks about and `{v}` the value, of the kind given first.
"""

import random
from dataclasses import dataclass

from adapt.starter.recipe.coined import coin_name, coin_value


@dataclass(frozen=True)
class Template:
    """One sort of fact: how it is stated and how it is asked; `value` is the kind of its value."""

    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    spanish: bool = False


@dataclass(frozen=True)
class Fact:
    """One fact as it stands in a document, with a question that it answers."""

    sentence: str
    question: str
    name: str
    template: Template


def _t(value: str, statements: str, questions: str, *, spanish: bool = False) -> Template:
    return Template(value, tuple(statements.split(" | ")), tuple(questions.split(" | ")), spanish)


ENGLISH = (
    _t("time", "The {n} office opens at {v}. | At {v} the {n} office opens its doors.", "When does the {n} office open? | At what time does the {n} office open? | {n} office opening time?"),
    _t("time", "The {n} library closes at {v}. | On weekdays the {n} library closes at {v}.", "When does the {n} library close? | At what time does the {n} library close?"),
    _t("price", "The price of the {n} lamp is {v}. | The {n} lamp costs {v}.", "What is the price of the {n} lamp? | How much does the {n} lamp cost? | How much is the {n} lamp?"),
    _t("price", "A ticket for the {n} museum costs {v}. | Visitors pay {v} to enter the {n} museum.", "How much is a ticket for the {n} museum? | What does it cost to visit the {n} museum?"),
    _t("person", "{v} is the director of {n}. | The director of {n} is {v}. | {n} is led by {v}.", "Who is the director of {n}? | Who leads {n}? | Who runs {n}?"),
    _t("person", "{v} wrote the {n} report. | The {n} report was written by {v}.", "Who wrote the {n} report? | Who is the author of the {n} report?"),
    _t("place", "The {n} printer stands in {v}. | You will find the {n} printer in {v}.", "Where is the {n} printer? | Where does the {n} printer stand? | Where can I find the {n} printer?"),
    _t("place", "The keys of the {n} house are kept in {v}.", "Where are the keys of the {n} house? | Where are the {n} house keys kept?"),
    _t("number", "The {n} team has {v} members. | There are {v} people in the {n} team.", "How many members does the {n} team have? | How many people are in the {n} team?"),
    _t("number", "The {n} tower is {v} metres high. | The height of the {n} tower is {v} metres.", "How high is the {n} tower? | What is the height of the {n} tower?"),
    _t("number", "The {n} engine weighs {v} kilos.", "How much does the {n} engine weigh? | What is the weight of the {n} engine?"),
    _t("year", "The {n} company was founded in {v}. | Founded in {v}, the {n} company is still independent.", "When was the {n} company founded? | In what year was the {n} company founded?"),
    _t("year", "The {n} bridge was built in {v}.", "When was the {n} bridge built? | In which year was the {n} bridge built?"),
    _t("date", "The {n} meeting is on {v}. | The next {n} meeting will be held on {v}.", "When is the {n} meeting? | What is the date of the {n} meeting? | On what day is the {n} meeting?"),
    _t("date", "The {n} contract ends on {v}. | The {n} contract is valid until {v}.", "When does the {n} contract end? | Until when is the {n} contract valid?"),
    _t("day", "The {n} market is held every {v}.", "On which day is the {n} market? | When is the {n} market held?"),
    _t("email", "Write to {v} for questions about {n}. | The address for {n} is {v}.", "Which address should I write to about {n}? | What is the email address for {n}? | How can I contact {n}?"),
    _t("phone", "The phone number of the {n} hotel is {v}.", "What is the phone number of the {n} hotel? | What number do I call for the {n} hotel?"),
    _t("code", "The code of the {n} door is {v}. | To open the {n} door, type {v}.", "What is the code of the {n} door? | How do I open the {n} door?"),
    _t("code", "The {n} project has the number {v}.", "What is the number of the {n} project? | Which number does the {n} project have?"),
    _t("colour", "The {n} flag is {v}. | The colour of the {n} flag is {v}.", "What colour is the {n} flag? | What is the colour of the {n} flag?"),
    _t("topic", "{n} is responsible for {v}. | At our site, {n} looks after {v}.", "What is {n} responsible for? | What does {n} look after?"),
    _t("name", "The capital of {n} is {v}.", "What is the capital of {n}? | Which city is the capital of {n}?"),
    _t("name", "The {n} river flows into Lake {v}.", "Where does the {n} river flow? | Into which lake does the {n} river flow?"),
    _t("number", "The warranty of the {n} machine lasts {v} months. | The {n} machine has a warranty of {v} months.", "How long is the warranty of the {n} machine? | How many months of warranty does the {n} machine have?"),
    _t("price", "The rent of the {n} flat is {v} a month.", "What is the rent of the {n} flat? | How much is the rent of the {n} flat?"),
    _t("number", "Members of {n} may borrow {v} books at a time.", "How many books may members of {n} borrow? | How many books can I borrow at {n}?"),
    _t("time", "The train to {n} leaves at {v}. | At {v} the train to {n} departs.", "When does the train to {n} leave? | What time is the train to {n}?"),
    _t("number", "Orders from {n} arrive within {v} days.", "How long do orders from {n} take? | How many days do orders from {n} need?"),
    _t("place", "The {n} lunch is served in {v}.", "Where is the {n} lunch served? | Where do we have the {n} lunch?"),
    _t("person", "For {n} claims, ask {v}. | {v} handles the {n} claims.", "Who handles the {n} claims? | Whom do I ask about {n} claims?"),
    _t("topic", "The {n} form is used for {v}.", "What is the {n} form used for? | What do I need the {n} form for?"),
)  # fmt: skip
ENGLISH_HELD_OUT = (
    _t("time", "The {n} pool opens at {v} on weekdays.", "When does the {n} pool open? | What time does the {n} pool open?"),
    _t("price", "Parking at {n} costs {v} a day.", "How much is parking at {n}? | What does parking cost at {n}?"),
    _t("person", "The {n} garden was designed by {v}.", "Who designed the {n} garden?"),
    _t("number", "The {n} ship carries {v} passengers.", "How many passengers does the {n} ship carry?"),
    _t("place", "The {n} archive is stored in {v}.", "Where is the {n} archive? | Where is the {n} archive stored?"),
    _t("code", "The password of the {n} network is {v}.", "What is the password of the {n} network?"),
)  # fmt: skip
SPANISH = tuple(
    _t(value, statements, questions, spanish=True)
    for value, statements, questions in (
        ("time", "La oficina {n} abre a las {v}. | A las {v} abre la oficina {n}.", "¿Cuándo abre la oficina {n}? | ¿A qué hora abre la oficina {n}?"),
        ("time", "El tren a {n} sale a las {v}.", "¿A qué hora sale el tren a {n}? | ¿Cuándo sale el tren a {n}?"),
        ("price", "La lámpara {n} cuesta {v}. | El precio de la lámpara {n} es de {v}.", "¿Cuánto cuesta la lámpara {n}? | ¿Cuál es el precio de la lámpara {n}?"),
        ("price", "La entrada al museo {n} cuesta {v}.", "¿Cuánto cuesta la entrada al museo {n}? | ¿Cuánto vale entrar al museo {n}?"),
        ("person", "{v} dirige {n}. | La persona que dirige {n} es {v}.", "¿Quién dirige {n}?"),
        ("person", "El informe {n} fue escrito por {v}. | {v} escribió el informe {n}.", "¿Quién escribió el informe {n}?"),
        ("place", "La impresora {n} está en {v}.", "¿Dónde está la impresora {n}? | ¿Dónde encuentro la impresora {n}?"),
        ("place", "Las llaves de la casa {n} se guardan en {v}.", "¿Dónde están las llaves de la casa {n}? | ¿Dónde se guardan las llaves de la casa {n}?"),
        ("number", "El equipo {n} tiene {v} miembros.", "¿Cuántos miembros tiene el equipo {n}?"),
        ("number", "La torre {n} mide {v} metros.", "¿Cuánto mide la torre {n}?"),
        ("year", "La empresa {n} se fundó en {v}.", "¿Cuándo se fundó la empresa {n}? | ¿En qué año se fundó la empresa {n}?"),
        ("date", "La reunión de {n} es el {v}. | La próxima reunión de {n} será el {v}.", "¿Cuándo es la reunión de {n}? | ¿Qué día es la reunión de {n}?"),
        ("date", "El contrato {n} termina el {v}.", "¿Cuándo termina el contrato {n}?"),
        ("email", "La dirección de {n} es {v}.", "¿Cuál es la dirección de {n}? | ¿Cómo contacto con {n}?"),
        ("code", "La clave de la puerta {n} es {v}.", "¿Cuál es la clave de la puerta {n}? | ¿Cómo abro la puerta {n}?"),
        ("topic", "{n} se ocupa de {v}.", "¿De qué se ocupa {n}?"),
        ("name", "La capital de {n} es {v}.", "¿Cuál es la capital de {n}?"),
        ("number", "La garantía de la máquina {n} dura {v} meses.", "¿Cuánto dura la garantía de la máquina {n}?"),
    )
)  # fmt: skip
SPANISH_HELD_OUT = tuple(
    _t(value, statements, questions, spanish=True)
    for value, statements, questions in (
        ("time", "La piscina {n} cierra a las {v}.", "¿A qué hora cierra la piscina {n}? | ¿Cuándo cierra la piscina {n}?"),
        ("price", "El alquiler del piso {n} es de {v} al mes.", "¿Cuánto es el alquiler del piso {n}?"),
        ("place", "El archivo {n} está en {v}.", "¿Dónde está el archivo {n}?"),
    )
)  # fmt: skip


def templates(*, spanish: bool, held_out: bool) -> tuple[Template, ...]:
    """Return the templates of a language, for training or for evaluation only."""
    if spanish:
        return SPANISH_HELD_OUT if held_out else SPANISH
    return ENGLISH_HELD_OUT if held_out else ENGLISH


def make_fact(
    rng: random.Random, template: Template, *, held_out: bool, name: str | None = None
) -> Fact:
    """Return a fact of this sort about a coined name, a new one unless given."""
    name = name or coin_name(rng, held_out=held_out)
    if template.value not in ("person", "topic", "name", "email") and rng.random() < 0.15:
        name = f"{name} {coin_name(rng, held_out=held_out)}"
    value = coin_value(rng, template.value, spanish=template.spanish, held_out=held_out)
    sentence = rng.choice(template.statements).replace("{n}", name).replace("{v}", value)
    return Fact(sentence, rng.choice(template.questions).replace("{n}", name), name, template)
