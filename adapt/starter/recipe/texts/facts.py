"""Facts with coined names, as sentences and the questions that they answer, in English and Spanish.

In a template `{n}` is the coined name that the question asks about and `{v}` the value, of the kind given first.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from adapt.starter.recipe.texts.coined import coin_name, coin_value


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
    value: str
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
    _t("date", "Applications for {n} close on {v}.", "When do applications for {n} close? | What is the closing date for {n} applications?"),
    _t("year", "The {n} dam was finished in {v} after long delays.", "When was the {n} dam finished? | In what year was the {n} dam finished?"),
    _t("number", "Each {n} box holds {v} candles.", "How many candles does each {n} box hold? | How many candles are in a {n} box?"),
    _t("person", "Complaints about {n} go to {v}.", "Who gets complaints about {n}? | To whom do complaints about {n} go?"),
    _t("day", "Rubbish in {n} is collected on {v}.", "When is rubbish collected in {n}? | On what day is rubbish collected in {n}?"),
    _t("colour", "The {n} folder has a {v} cover.", "What colour is the cover of the {n} folder?"),
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
        ("number", "El barco {n} lleva {v} pasajeros.", "¿Cuántos pasajeros lleva el barco {n}?"),
        ("person", "El jardín {n} fue diseñado por {v}.", "¿Quién diseñó el jardín {n}?"),
        ("year", "La presa {n} se terminó en {v}.", "¿Cuándo se terminó la presa {n}? | ¿En qué año se terminó la presa {n}?"),
    )
)  # fmt: skip


def _composed(
    rows: Iterable[tuple[str, str, str, str]], *, spanish: bool = False
) -> tuple[Template, ...]:
    """Return a template for every thing of every row (value, things, statements, questions), put in place of `{o}`."""
    return tuple(
        _t(
            value,
            statements.replace("{o}", thing),
            questions.replace("{o}", thing),
            spanish=spanish,
        )
        for value, things, statements, questions in rows
        for thing in things.split(", ")
    )


COMPOSED = _composed((
    ("time", "bakery, clinic, gym, café, counter, gate, studio, school, cinema, laboratory", "The {n} {o} opens at {v}. | The {n} {o} is open from {v} on. | The doors of the {n} {o} open at {v}.", "When does the {n} {o} open? | What time does the {n} {o} open? | From when is the {n} {o} open?"),
    ("time", "bus, ferry, coach, tram, shuttle, boat", "The {n} {o} departs at {v}. | The last {n} {o} leaves at {v}.", "When does the {n} {o} leave? | What time does the {n} {o} depart? | When is the {n} {o}?"),
    ("price", "bicycle, table, jacket, course, licence, tour, camera, membership, battery, subscription", "The {n} {o} is sold for {v}. | You pay {v} for the {n} {o}. | The {n} {o} is priced at {v}.", "How much is the {n} {o}? | What does the {n} {o} cost? | What is the price of the {n} {o}?"),
    ("person", "orchestra, hospital, academy, committee, workshop, farm, choir, foundation", "The head of the {n} {o} is {v}. | {v} has led the {n} {o} for years. | {v} is in charge of the {n} {o}.", "Who is the head of the {n} {o}? | Who leads the {n} {o}? | Who is in charge of the {n} {o}?"),
    ("person", "song, film, painting, novel, theorem, recipe, statue, map", "The {n} {o} was made by {v}. | {v} is the author of the {n} {o}. | It was {v} who created the {n} {o}.", "Who made the {n} {o}? | Who created the {n} {o}? | Who is the author of the {n} {o}?"),
    ("place", "ladder, scanner, spare tyre, first-aid kit, projector, trophy, manual, generator", "The {n} {o} is kept in {v}. | Look for the {n} {o} in {v}. | We store the {n} {o} in {v}.", "Where is the {n} {o}? | Where is the {n} {o} kept? | Where do we store the {n} {o}? | Where can I find the {n} {o}?"),
    ("number", "village, island, department, college, theatre, factory", "The {n} {o} counts {v} people. | About {v} people belong to the {n} {o}. | The {n} {o} has room for {v} people.", "How many people does the {n} {o} count? | How many people belong to the {n} {o}? | How many people are there in the {n} {o}?"),
    ("number", "wall, tunnel, cable, road, pipe, trail", "The {n} {o} is {v} metres long. | The {n} {o} has a length of {v} metres.", "How long is the {n} {o}? | What is the length of the {n} {o}?"),
    ("year", "castle, festival, newspaper, railway, club, university, mill, lighthouse", "The {n} {o} dates from {v}. | The {n} {o} was opened in {v}. | In {v} the {n} {o} came into being.", "When was the {n} {o} opened? | How old is the {n} {o}? | From what year is the {n} {o}? | When did the {n} {o} begin?"),
    ("date", "exam, conference, auction, deadline, concert, audit, wedding, election", "The {n} {o} takes place on {v}. | The {n} {o} is set for {v}. | Keep {v} free for the {n} {o}.", "When is the {n} {o}? | On what date is the {n} {o}? | When does the {n} {o} take place?"),
    ("day", "class, delivery, inspection, rehearsal, seminar", "The {n} {o} comes every {v}. | Every {v} there is the {n} {o}.", "On which day is the {n} {o}? | When is the {n} {o}? | What day is the {n} {o}?"),
    ("code", "locker, account, parcel, sensor, invoice, cabinet, printer", "The {n} {o} has the code {v}. | Use {v} for the {n} {o}. | {v} is the number of the {n} {o}.", "What is the code of the {n} {o}? | Which code does the {n} {o} have? | What is the number of the {n} {o}?"),
    ("colour", "uniform, roof, logo, boat, curtain, bus", "The {n} {o} was painted {v}. | {v} is the colour of the {n} {o}. | The {n} {o} comes in {v}.", "What colour is the {n} {o}? | Which colour does the {n} {o} have?"),
    ("topic", "team, bureau, office, unit, agency", "The {n} {o} deals with {v}. | The task of the {n} {o} is {v}. | For {v}, turn to the {n} {o}.", "What does the {n} {o} do? | What does the {n} {o} deal with? | What is the task of the {n} {o}?"),
    ("name", "valley, desert, province, harbour, kingdom", "The largest town of the {n} {o} is {v}. | {v} lies in the {n} {o}. | The {n} {o} was once called {v}.", "What is the largest town of the {n} {o}? | Which town lies in the {n} {o}? | What was the {n} {o} once called?"),
))  # fmt: skip
COMPUESTAS = _composed((
    ("time", "panadería, clínica, tienda, farmacia, escuela, biblioteca", "La {o} {n} abre a las {v}. | Las puertas de la {o} {n} se abren a las {v}.", "¿Cuándo abre la {o} {n}? | ¿A qué hora abre la {o} {n}?"),
    ("price", "bicicleta, mesa, chaqueta, licencia, cámara, batería", "La {o} {n} se vende por {v}. | Por la {o} {n} se pagan {v}.", "¿Cuánto cuesta la {o} {n}? | ¿Qué precio tiene la {o} {n}?"),
    ("person", "orquesta, academia, comisión, granja, fundación", "Al frente de la {o} {n} está {v}. | {v} es responsable de la {o} {n}.", "¿Quién está al frente de la {o} {n}? | ¿Quién es responsable de la {o} {n}? | ¿Quién dirige la {o} {n}?"),
    ("place", "escalera, rueda de repuesto, cámara, copa, bomba", "La {o} {n} se guarda en {v}. | Encontrarás la {o} {n} en {v}.", "¿Dónde está la {o} {n}? | ¿Dónde se guarda la {o} {n}?"),
    ("number", "isla, fábrica, aldea, sección", "En la {o} {n} hay {v} personas. | La {o} {n} cuenta con {v} personas.", "¿Cuántas personas hay en la {o} {n}? | ¿Con cuántas personas cuenta la {o} {n}?"),
    ("year", "fortaleza, universidad, revista, estación", "La {o} {n} es de {v}. | En {v} se inauguró la {o} {n}.", "¿De qué año es la {o} {n}? | ¿Cuándo se inauguró la {o} {n}?"),
    ("date", "boda, subasta, conferencia, prueba", "La {o} {n} se celebra el {v}. | La {o} {n} está prevista para el {v}.", "¿Cuándo es la {o} {n}? | ¿Qué día se celebra la {o} {n}?"),
    ("code", "taquilla, factura, cuenta, caja", "La {o} {n} tiene el código {v}. | El número de la {o} {n} es {v}.", "¿Qué código tiene la {o} {n}? | ¿Cuál es el número de la {o} {n}?"),
), spanish=True)  # fmt: skip


def templates(*, spanish: bool, held_out: bool) -> tuple[Template, ...]:
    """Return the templates of a language, for training or for evaluation only."""
    if spanish:
        return SPANISH_HELD_OUT if held_out else SPANISH + COMPUESTAS
    return ENGLISH_HELD_OUT if held_out else ENGLISH + COMPOSED


def make_fact(
    rng: random.Random, template: Template, *, held_out: bool, name: str | None = None
) -> Fact:
    """Return a fact of this sort about a coined name, a new one unless given."""
    name = name or coin_name(rng, held_out=held_out)
    if template.value not in ("person", "topic", "name", "email") and rng.random() < 0.15:
        name = f"{name} {coin_name(rng, held_out=held_out)}"
    value = coin_value(rng, template.value, spanish=template.spanish, held_out=held_out)
    sentence = rng.choice(template.statements).replace("{n}", name).replace("{v}", value)
    sentence = sentence[0].upper() + sentence[1:]
    return Fact(
        sentence, rng.choice(template.questions).replace("{n}", name), name, value, template
    )
