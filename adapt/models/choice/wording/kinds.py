"""The kind of thing that a question asks for, and whether a sentence holds one: a time for "when", an amount for "how much".

English and Spanish; patterns over texts folded to small letters without accents, except for names, which are recognised by capitals.
"""

import re
from collections.abc import Callable, Mapping

from adapt.models.choice.wording.words import fold

_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
)
_DAYS = (
    "mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|weekdays?|weekends?|holidays?"
    "|lunes|martes|miercoles|jueves|viernes|sabados?|domingos?|festivos?|laborables?|fin de semana"
)
_NUMBERS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
    "|ninety|hundred"
    "|thousand|million|half|double|twice|uno|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce"
    "|quince|veinte|treinta"
    "|cuarenta|cincuenta|sesenta|noventa|cien|ciento|mil|millon|millones|medio|media|mitad|doble"
)
_UNITS_OF_TIME = (
    "seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies)"
    "|segundos?|minutos?|horas?|dias?|semanas?|mes(?:es)?|anos?|decadas?|siglos?"
)
_CURRENCIES = r"euros?|dollars?|pounds?|cents?|pesos?|dolares|libras|centimos?|soles|yen|francs?|crowns?|eur|usd|gbp"
_MEASURES = (
    r"mm|cm|m|km|miles?|met(?:er|re)s?|kilomet(?:er|re)s?|feet|foot|inch(?:es)?|grams?|kg|g|kilos?|kilograms?"
    r"|tons?|tonnes?|lit(?:er|re)s?"
    r"|volts?|watts?|amps?|megabits?|gigabits?|gigabytes?|megabytes?|gb|mb|gbit/s|mbit/s|gigas?|megas?|degrees?"
    r"|percent|per cent|%|°c?"
    r"|metros?|kilometros?|millas|pies|pulgadas|gramos?|toneladas?|litros?|voltios?|vatios?|grados?|por ciento"
    r"|hectareas?|acres?|square"
)

FREE = re.compile(
    r"\b(?:free|gratis|gratuit[oa]s?|no (?:fee|charge|cost|cuesta|pagan?)|without (?:a )?(?:fee|charge)|sin coste"
    r"|sin cargo)\b"
)
_CLOCK = re.compile(
    r"\b\d{1,2}[:.h]\d{2}\b|\b\d{1,2} ?(?:am|pm|a\.m|p\.m|h|hs|hrs|hours|horas)\b|o'clock|\b(?:noon|midnight"
    r"|mediodia|medianoche)\b"
    r"|\ba las? (?:\d|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)|\b(?:at|from|until|till"
    r"|desde|hasta) \d"
)
_YEAR = re.compile(r"\b1[0-9]{3}\b|\b20[0-9]{2}\b|\b\d{1,4} ?(?:bc|ad|bce|ce|a\.? ?c|d\.? ?c)\b")
_DATE = re.compile(
    rf"\b(?:{_MONTHS})\b|\b(?:{_DAYS})\b|\b\d{{1,4}}[/-]\d{{1,2}}[/-]\d{{1,4}}\b|\bdia \d|\b\d{{1,2}}(?:st|nd"
    rf"|rd|th)\b|{_YEAR.pattern}"
)
_SPAN = re.compile(
    rf"\b(?:\d[\d.,]*|{_NUMBERS}|a|an|several|un|una|varios|few)[ -](?:{_UNITS_OF_TIME})\b"
)
_MONEY = re.compile(rf"[€$£¥]|\b(?:{_CURRENCIES})\b")
_COUNT = re.compile(rf"\d|\b(?:{_NUMBERS})\b")
_SIZE = re.compile(rf"\d[\d.,]*[ -]?(?:{_MEASURES})(?![a-z])|\b(?:{_NUMBERS}) (?:{_MEASURES})\b")
_SHARE = re.compile(
    r"%|\b(?:percent|per cent|por ciento)\b|\b(?:half|mitad|third|tercio|quarter|cuarto)\b"
)
_REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order to|owing to|as a result|therefore|thus|caused? by|reason|to (?:avoid"
    r"|protect|prevent)"
    r"|porque|ya que|debido a|puesto que|para (?:que|evitar|proteger)|por eso|a causa de|motivo|razon|gracias a)\b"
)
_CONTACT = re.compile(
    r"[^\s@]+@[^\s@]+|\b\d{3}[ -]\d{2,4}|\+\d{2}|https?://|www\.|\b(?:box|apartado) \d"
)
_WAY = re.compile(
    r"\b(?:press|hold|dial|call|write|send|go to|open|click|choose|select|enter|turn|switch|unplug|plug|connect"
    r"|use|by|through|with|online|app|page|menu"
    r"|pulse|pulsa|mantenga|marque|llame|llama|escriba|envie|abra|elija|entre|use|usa|conecte|conecta|mediante"
    r"|a traves|en la pagina|se pide|se hace|se puede|rellen)\w*\b"
)
_PLACE = re.compile(
    r"\b(?:street|road|avenue|square|floor|harbour|library|building|room|city|town|village|country|region|province"
    r"|island|river|coast|north|south|east|west"
    r"|calle|plaza|avenida|planta|puerto|edificio|sala|ciudad|pueblo|pais|region|provincia|isla|rio|costa|norte"
    r"|sur|este|oeste|junto a|beside|behind|next to|detras|oficinas?|office)\b"
)
_NAME = re.compile(r"(?<=[^\s.!?\"“¿¡(]\s)[\"“(]?[A-ZÁÉÍÓÚÑ][\w'\u2019-]+")


def _in(pattern: re.Pattern[str]) -> Callable[[str, str], bool]:
    return lambda folded, _text: bool(pattern.search(folded))


def _name_in(_folded: str, text: str) -> bool:
    return bool(_NAME.search(text))


# a kind → whether a text (folded, and as it is) holds one
HOLDS: Mapping[str, Callable[[str, str], bool]] = {
    "clock": _in(_CLOCK),
    "date": _in(_DATE),
    "span": _in(_SPAN),
    "money": _in(re.compile(f"{_MONEY.pattern}|{FREE.pattern}")),
    "count": _in(_COUNT),
    "size": _in(_SIZE),
    "share": _in(_SHARE),
    "reason": _in(_REASON),
    "contact": _in(_CONTACT),
    "way": _in(_WAY),
    "place": lambda folded, text: bool(_PLACE.search(folded)) or _name_in(folded, text),
    "person": _name_in,
}

# the first that fits a folded question says what it asks for, any of several kinds
_ASKED: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), kinds)
    for pattern, kinds in (
        (
            r"\b(?:phone|telephone|number (?:do|can|should) i (?:call|dial|ring)|which number|what(?:'s| is) the (?:phone )?number (?:of"
            r"|for|to)|e-?mail|numero (?:de telefono )?(?:de|para|al)|a que numero|que numero|telefono|correo)\b", ("contact", "count")),
        (
            r"\bhow (?:do|can|could|should|would) (?:i|we|you|one)\b|\bhow to\b|\b(?:como|de que manera) (?:se|puedo"
            r"|hago|podemos|debo|tengo)\b", ("way",)),
        (
            r"\b(?:what|which|at what) (?:time|hour)s?\b|\ba que hora|\bque horario|\bopening hours|\bhorario\b|\bhasta que hora"
            r"|\buntil what", ("clock",)),
        (
            r"\b(?:when|until when|since when) (?:does|do|is|are|can) .*\b(?:open|close|shut|start|begin)|\bcuando (?:abr"
            r"|cierr)", ("clock", "date")),
        (r"\b(?:what|which|in what|in which) (?:year|century)|\ben que ano|\bque ano|\bque siglo", ("date",)),
        (r"\b(?:what|which) (?:date|day|month)|\bque (?:dia|fecha|mes)|\bfecha\b", ("date",)),
        (
            r"\bhow (?:long|soon|quickly|often|many (?:days|weeks|months|years|hours|minutes))\b|\bcuanto (?:tiempo"
            r"|dura|tarda)|\bcuant[oa]s (?:dias|semanas|meses|anos|horas|minutos)|\bcada cuanto|\bplazo\b", ("span", "date", "size")),
        (r"\bhow old\b|\bque edad|\bcuantos anos tiene", ("span", "date", "count")),
        (
            r"\bhow much (?:is|are|does .* cost|do .* cost|will|would|must|do i (?:pay|owe))|\b(?:price|cost|fee|charge"
            r"|rent|salary|fare|pay)s?\b|\bcuanto (?:cuesta|vale|cobra|pag|es|sale|hay que pagar)|\b(?:precio|coste"
            r"|costo|tarifa|cuota|importe|alquiler|sueldo)\b", ("money",)),
        (
            r"\bhow (?:far|tall|high|big|large|wide|deep|heavy|fast|hot|cold|warm|thick)\b|\b(?:weigh|weight|speed"
            r"|height|length|width|depth|distance|temperature|area|size)\b|\bcuanto (?:mide|pesa)|\b(?:peso|velocidad"
            r"|altura|longitud|ancho|profundidad|distancia|temperatura|superficie|tamano)\b", ("size", "count")),
        (
            r"\b(?:what|which) (?:percent|percentage|share|proportion)|\bque (?:porcentaje|proporcion)|\bdiscount\b"
            r"|\bdescuento\b", ("share", "count")),
        (
            r"\bhow (?:many|much)\b|\bwhat(?:'s| is| was) the (?:number|population|total|maximum|minimum|limit)|\bcuant[oa]s?\b"
            r"|\b(?:poblacion|maximo|minimo|limite)\b", ("count",)),
        (r"\bwhen\b|\bcuando\b", ("date", "clock", "span")),
        (r"\bwho(?:se|m)?\b|\bquien(?:es)?\b|\b(?:name of|nombre d|como se llama)", ("person",)),
        (
            r"\bwhere\b|\bdonde\b|\b(?:what|which|in what|in which) (?:city|country|town|place|state|street|island"
            r"|region)|\b(?:que|cual) (?:ciudad|pais|lugar|estado|calle|isla|region|pueblo)|\b(?:address|direccion"
            r"|capital)\b", ("place",)),
        (r"\bwhy\b|\bpor que\b|\bwhat (?:is|was) the reason|\bque motivo", ("reason",)),
    )
)  # fmt: skip


def asked_kinds(question: str) -> tuple[str, ...]:
    """Return the kinds of thing of which any answers a question; none where its words do not tell."""
    folded = fold(question)
    return next((kinds for pattern, kinds in _ASKED if pattern.search(folded)), ())


def holds(kinds: tuple[str, ...], text: str) -> list[bool]:
    """Return for each kind whether a text holds one."""
    folded = fold(text)
    return [HOLDS[kind](folded, text) for kind in kinds]
