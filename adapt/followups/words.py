"""The words by which follow-up questions are told, in English and Spanish; lower case, without accents.

Tables only. What is done with them: `adapt.followups.phrases` (kinds of words, noun phrases) and `adapt.followups.whole` (rules).
"""

import re
import unicodedata
from dataclasses import dataclass


def fold(word: str) -> str:
    """Return a word in lower case without accents; ñ stays, as it makes another word."""
    marked = word.lower().replace("ñ", "\0").replace("’", "'")
    plain = "".join(c for c in unicodedata.normalize("NFD", marked) if not unicodedata.combining(c))
    return plain.replace("\0", "ñ")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Words:
    """One language's words by what they do in a question."""

    determiners: frozenset[str]  # open a noun phrase
    definite: frozenset[str]  # those of them that point to something known
    demonstratives: frozenset[str]  # point back, alone or before a noun
    prepositions: frozenset[str]
    complement: frozenset[str]  # prepositions that bind a noun to what it belongs to
    auxiliaries: frozenset[str]
    verbs: frozenset[str]
    asking: frozenset[str]  # question words
    joining: frozenset[str]  # conjunctions, which open another clause
    persons: frozenset[str]  # pronouns of the speakers, which point to nothing in the conversation
    things: frozenset[str]  # pronouns for a thing or things
    people: frozenset[str]  # pronouns for a person
    possessives: frozenset[str]
    places: frozenset[str]  # words for a place named before
    plural: frozenset[str]  # of these pronouns, the ones for several
    fillers: frozenset[str]  # adverbs and predicates, which name nothing
    attributes: frozenset[str]  # nouns that need an owner: a price is the price of something
    roles: frozenset[str]  # of people: a director is the director of something
    measures: frozenset[str]  # nouns that name nothing by themselves
    times: frozenset[str]
    elliptic: frozenset[str]  # adjectives that stand for a noun left out: the blue one, la azul
    leading: re.Pattern[str]  # "and", "what about": what a follow-up begins with
    correction: re.Pattern[str]
    refusal: re.Pattern[str]  # of what was understood: "no, …", "not Hazelton, …"
    comparison: re.Pattern[str]  # asks which of those named before
    condition: re.Pattern[str]  # an "if" that goes on with the question before
    talk: re.Pattern[str]  # greetings and thanks, about nothing


_EN_BASE = (
    "accept allow answer apply arrive ask become begin belong block book borrow bring build buy call cancel carry cause "
    "change charge check choose close collect come connect contain contact cost cover create deliver design die do drive "
    "earn eat employ end exist expire fit fix found get give go grow happen have heat help hire hold include install invent "
    "join keep know last lead leave lend live lose make manage mean measure meet miss move need offer open operate order "
    "own park pay pick play produce publish pull push put reach read receive register renew rent repair replace report request "
    "require reset restart return ride rise run say sell send serve ship sit sleep speak spend stand start stay stop store "
    "study support switch take teach tell turn unlock use visit wait want wash watch wear weigh win work write"
)
ENGLISH_PAST = _set(
    "became began bought broke brought built came chose died did drove found gave got went grew had held kept knew led left "
    "lent lost made meant met paid put ran read rose said sold sent spoke spent stood taught told took won wore wrote born "
    "written taken given built made sold sent paid"
)


def _english_verbs() -> frozenset[str]:
    forms = set(ENGLISH_PAST)
    for verb in _EN_BASE.split():
        stem = verb[:-1] if verb.endswith("e") else verb
        third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "o")) else "s")
        if verb.endswith("y") and verb[-2] not in "aeou":
            stem, third = verb[:-1] + "i", verb[:-1] + "ies"
        forms |= {verb, third, stem + "ed"}
    return frozenset(forms | {"stopped", "planned", "cancelled"})


ENGLISH = Words(
    determiners=_set(
        "the a an my our your some any no every each another all both this that these those"
    ),
    definite=_set("the my our your"),
    demonstratives=_set("this that these those"),
    prepositions=_set(
        "of in on at for from to with without by about into over under behind after before between during until till "
        "since near through per than within beside against around as like off up down out"
    ),
    complement=_set("of for"),
    auxiliaries=_set(
        "is are was were be been being am do does did can could will would shall should may might must has have had isn't "
        "aren't wasn't don't doesn't didn't can't won't couldn't shouldn't what's who's where's when's how's that's there's "
        "it's let"
    ),
    verbs=_english_verbs(),
    asking=_set(
        "what who whom whose which when where why how what's who's where's when's how's whats wheres"
    ),
    joining=_set("and or but if because when while that so unless whether"),
    persons=_set(
        "i me mine we us ours you yours i'm i'd i've we're you're myself someone somebody anyone anything something "
        "everyone nothing"
    ),
    things=_set("it they them it's they're itself themselves"),
    people=_set("he she him he's she's himself herself"),
    possessives=_set("its his her their theirs hers"),
    places=_set("there"),
    plural=_set("they them their theirs these those they're themselves"),
    fillers=_set(
        "not also too very much many more most less least long far often soon early late then now today still again else "
        "only just even please ok okay so there here open closed free included available allowed possible required needed "
        "necessary valid expensive cheap cheaper cheapest better best faster slower bigger larger smaller heavier lighter "
        "longer shorter older newer high tall big large old heavy wide deep fast quickly quick exactly normally usually "
        "already ever never away yes no"
    ),
    attributes=_set(
        "price prices cost costs fee fees weight size length width height depth speed capacity colour color warranty "
        "guarantee address email phone telephone maker manufacturer deadline duration age rate rates hours timetable "
        "schedule limit minimum maximum name range temperature power purpose population area distance salary deposit "
        "discount delivery shipping"
    ),
    roles=_set(
        "director owner author head manager engineer mayor boss chief president founder leader teacher designer architect "
        "secretary captain librarian dentist doctor"
    ),
    measures=_set(
        "time times day days week weeks month months year years hour hours minute minutes euro euros dollars pounds money "
        "number numbers amount kind kinds type sort thing things way place one ones part percent metres meters kilos "
        "kilograms grams people same other others"
    ),
    times=_set(
        "monday mondays tuesday tuesdays wednesday wednesdays thursday thursdays friday fridays saturday saturdays sunday "
        "sundays weekday weekdays weekend weekends january february march april june july august september october "
        "november december spring summer autumn winter morning mornings afternoon afternoons evening evenings night nights "
        "noon midnight tomorrow yesterday today tonight holiday holidays christmas easter week year month"
    ),
    elliptic=_set("one ones"),
    leading=re.compile(
        r"^(?:(?:ok(?:ay)?|thanks|thank you|great|right|well|hm+|oh|ah|yes|no)\b[,.! ]*)?"
        r"(?:and (?:what|how) about|what about|how about|and|or|but|also|then|so)\b[,: ]*",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^(?:(?:no|sorry|oh|ah|wait|oops|hm+|excuse me|my mistake|no sorry|sorry no)\b[,.! ]*)*"
        r"(?:i (?:actually |really )?(?:meant|mean)(?: to (?:say|ask))?|i was asking(?: about)?|i wanted to (?:know|ask))"
        r"\b[,: ]*",
        re.IGNORECASE,
    ),
    refusal=re.compile(
        r"^(?:(?:no|sorry|wait|not that(?: one)?)[,.!]+ *)+|^not [^,]+, *(?:but )?", re.IGNORECASE
    ),
    comparison=re.compile(
        r"\bwhich(?: one| ones| of (?:them|these|those|the two|both))?(?: (?:is|are|was|costs?|has|lasts?|weighs?|opens?|closes?))?"
        r" (?:the )?(?:(?:cheap|fast|slow|larg|small|bigg|heavi|light|long|short|old|new|strong|high|low|earli|lat|near|clos|"
        r"safe|simpl|quick)e?(?:r|st)|more|most|less|least|better|best|worse|worst|first|last)\b|"
        r"\bwhich (?:ones?|of (?:them|these|those|the two|both))\b|"
        r"\bthe difference between (?:them|these|those|the two)\b",
        re.IGNORECASE,
    ),
    condition=re.compile(r"^(?:what )?(?:if|when|unless)\b", re.IGNORECASE),
    talk=re.compile(
        r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|night)|thanks?(?: you)?(?: (?:very|so) much)?|"
        r"thanks a lot|ok(?:ay)?|great|perfect|cool|nice|bye|goodbye|see you|yes|no|sure|got it|i see|wow|never mind|"
        r"(?:that|this) (?:was|is) (?:very )?(?:helpful|useful|great|good)|how are you|who are you|what are you|"
        r"what can you do|good|(?:thanks|thank you|ok)[,! ]+(?:that (?:was|is) (?:very )?(?:helpful|great|good)|"
        r"great|perfect|got it|bye))\W*$",
        re.IGNORECASE,
    ),
)

_ES_AR = (
    "aceptar abonar acabar adaptar admitir ahorrar alquilar anular aplicar arreglar atrasar avisar bajar borrar buscar cambiar "
    "cancelar cargar cobrar comprar conectar configurar contestar contratar cortar costar crear cuidar dar dejar dirigir durar ensayar entrar "
    "enseñar entregar enviar estar esperar estudiar fabricar facturar financiar firmar funcionar ganar gastar gustar hablar "
    "importar incluir indicar instalar lavar llamar llegar llevar mandar marcar mirar montar mostrar necesitar ocupar "
    "organizar pagar parar parpadear pasar pesar prestar quedar quitar realizar recargar reclamar regresar renovar reparar "
    "reservar resultar sacar solicitar sujetar superar tardar terminar tocar tomar trabajar tratar usar utilizar viajar visitar"
)
_ES_ER = "beber comer correr creer deber depender devolver leer meter perder poder poner recoger responder romper suceder vender ver"
_ES_IR = "abrir añadir admitir asistir compartir consistir construir cubrir decidir dividir dirigir escribir existir incluir medir morir ocurrir partir pedir permitir recibir salir servir subir sufrir unir vivir"
_ES_FORMS = {
    "ar": "a an o amos as e en aba aban o aron e ara aran aria arian ado ando ar arlo arla arlos arlas arse",
    "er": "e en o emos es a an ia ian io ieron i era eran eria erian ido iendo er erlo erla erlos erlas erse",
    "ir": "e en o imos es a an ia ian io ieron i ira iran iria irian ido iendo ir irlo irla irlos irlas irse",
}
_ES_IRREGULAR = (
    "es son era eran fue fueron ser sera seran sea ha han habia hay he hemos haber habra esta estan estaba estaban estoy estuvo "
    "cuesta cuestan costo vale valen valia valer mide miden pide piden pido pidio cierra cierran cerro cerrar cierro empieza "
    "empiezan empezo empezar comienza comienzan tiene tienen tenia tuvo tener tengo hace hacen hago hizo hacia hacer dice dicen "
    "dijo decir va van voy vamos ir iba fui puede pueden puedo podemos podria podia quiere quieren quiero queria querer queda "
    "quedan viene vienen vino venir pone ponen pongo puso sale salen salgo nacio nacer nace murio muere muestra muestran "
    "devuelve devuelvo vuelve vuelven vuelvo significa significan enciende encender encendio pierde pierdo perdi juega jugar "
    "suele suelen ofrece ofrecen ofrecer pertenece aparece conoce conocer trae traen traer trajo hizo sirve sirven sirvio "
    "recoge recojo dirige dirigen dirigio di da dan dio doy ve veo ver oye sabe se saber sabes debe deben debo cabe caben "
    "contiene mantiene obtiene obtener consigue conseguir sigue siguen seguir construyo construyeron construye incluye "
    "incluyen fundo fundaron abierto abierta abiertos cerrado cerrada cerrados escrito hecho cobro reside parece falta faltan "
    "pertenecen atiende atienden atender compro"
)
# forms that are nouns far more often, or are articles, prepositions and the like
_ES_NOUNS = (
    "factura facturas cargo cargos marca marcas llave entrada entradas salida salidas llamada llamadas cuenta pesa carga toma "
    "trato gasto pago pagos cambio cambios paso uso baja corte para sobre como entre una parte medio reserva reservas visita "
    "visitas reparo trabajo trabajos cargador estado helado pasado pasada ganado cuidado cuidados pedido pedidos recibo recibos "
    "oferta parto partes subida unido partido vendido mandado envio envios aviso avisos arreglo lavado prestado tardes tarde "
    "crea cobra de des en a e entrega entregas compra muestra firma"
)
_ES_KEEP = "cobra pesa baja para"  # verbs all the same, after a pronoun or a noun


def _spanish_verbs() -> frozenset[str]:
    forms = set(_ES_IRREGULAR.split())
    for verb in f"{_ES_AR} {_ES_ER} {_ES_IR}".split():
        stem, ending = verb[:-2], verb[-2:]
        forms |= {stem + form for form in _ES_FORMS[ending].split()}
        if stem.endswith("g") or stem.endswith("c"):  # pague, busque
            soft = stem + "u" if stem.endswith("g") else stem[:-1] + "qu"
            forms |= {soft + "e", soft + "en"}
    return frozenset((forms - set(_ES_NOUNS.split())) | {"cobra", "pesa"})


SPANISH = Words(
    determiners=_set(
        "el la los las un una unos unas mi mis nuestro nuestra nuestros nuestras tu tus vuestro vuestra algun alguna algunos "
        "algunas ningun ninguna cada todo toda todos todas otro otra otros otras este esta estos estas ese esa esos esas "
        "aquel aquella aquellos aquellas ambos ambas"
    ),
    definite=_set("el la los las mi mis nuestro nuestra tu tus"),
    demonstratives=_set(
        "este esta estos estas ese esa esos esas aquel aquella aquellos aquellas"
    ),
    prepositions=_set(
        "de del en a al con sin por para desde hasta hacia sobre entre tras durante segun ante bajo contra del al"
    ),
    complement=_set("de del para"),
    auxiliaries=frozenset(),
    verbs=_spanish_verbs(),
    asking=_set(
        "que quien quienes cual cuales cuando donde adonde como cuanto cuanta cuantos cuantas"
    ),
    joining=_set("y e o u pero si porque cuando mientras que aunque"),
    persons=_set(
        "yo me mi conmigo nosotros nos tu te ti vosotros os usted ustedes le les se alguien nadie algo nada"
    ),
    things=_set("eso esto aquello ello ellos ellas"),
    people=_set("el ella"),
    possessives=_set("su sus suyo suya suyos suyas"),
    places=_set("ahi alli alla"),
    plural=_set("los las ellos ellas"),
    fillers=_set(
        "no tambien muy mas menos tan tanto mucho mucha muchos poco bien mal ya aun todavia siempre nunca ahora luego antes "
        "despues entonces solo aqui gratis incluido incluida disponible posible necesario necesaria valido barato barata "
        "caro cara mejor peor mayor menor rapido rapida lento lenta normalmente exactamente pronto lejos cerca si abierto "
        "abierta cerrado cerrada alto alta grande largo larga pesado pesada mismo igual minimo maximo"
    ),
    attributes=_set(
        "precio precios coste costes tarifa tarifas peso tamaño largo longitud anchura altura velocidad capacidad color garantia "
        "direccion correo telefono fabricante plazo duracion edad horario horarios limite nombre temperatura potencia "
        "poblacion superficie distancia sueldo fianza descuento envio autor autora dueño responsable"
    ),
    roles=_set(
        "director directora dueño dueña autor autora jefe jefa responsable ingeniero ingeniera alcalde alcaldesa presidente "
        "presidenta fundador fundadora encargado encargada arquitecto medico medica secretario profesor profesora"
    ),
    measures=_set(
        "hora horas dia dias semana semanas mes meses año años minuto minutos tiempo euro euros dinero numero numeros cantidad "
        "tipo forma manera cosa cosas vez veces parte partir sitio lugar gente personas kilo kilos metros gigas falta"
    ),
    times=_set(
        "lunes martes miercoles jueves viernes sabado sabados domingo domingos enero febrero marzo abril mayo junio julio "
        "agosto septiembre octubre noviembre diciembre primavera verano otoño invierno mañana mañanas tarde tardes noche "
        "noches mediodia festivo festivos hoy ayer navidad laborables proximo proxima fin semana"
    ),
    elliptic=_set(
        "azul verde roja rojo amarilla amarillo blanca blanco negra negro naranja gris grande pequeña pequeño primera primero "
        "segunda segundo tercera tercero ultima ultimo otra otro larga largo corta corto nueva nuevo vieja viejo doble "
        "individual mediana mediano barata barato cara caro infantil normal sencilla sencillo"
    ),
    leading=re.compile(
        r"^(?:(?:ok|vale|gracias|perfecto|bien|bueno|ah|oh|s[ií]|no)\b[,.! ]*)?[¿ ]*"
        r"(?:y (?:qu[eé] (?:pasa|hay|tal) (?:con|de)|qu[eé] tal)|qu[eé] (?:pasa con|hay de|tal)|y|e|o|pero|tambi[eé]n|entonces)"
        r"\b[,: ]*",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^[¿ ]*(?:(?:no|perd[oó]n|perdona|disculpa|ah|oh|espera|uy|lo siento)\b[,.! ]*)*"
        r"(?:(?:yo )?(?:me refer[ií]a|me refiero|quer[ií]a decir|quise decir|quiero decir|preguntaba|quer[ií]a preguntar|"
        r"quer[ií]a saber)(?: por| a| al)?)\b[,: ]*",
        re.IGNORECASE,
    ),
    refusal=re.compile(
        r"^(?:(?:no|perd[oó]n|es[ea] no)[,.!]+ *)+|^no [^,]+, *(?:sino )?", re.IGNORECASE
    ),
    comparison=re.compile(
        r"\b(?:cu[aá]l(?:es)?(?: de (?:ellos|ellas|los dos|las dos|estos|estas|esos|esas))?(?: \w+)? (?:el |la |los |las )?"
        r"(?:m[aá]s|menos|mejor|peor|antes)\b|cu[aá]l(?:es)? de (?:ellos|ellas|los dos|las dos|estos|estas|esos|esas)\b|"
        r"la diferencia entre (?:ellos|ellas|los dos|las dos|ambos|ambas)\b)",
        re.IGNORECASE,
    ),
    condition=re.compile(r"^(?:qu[eé] pasa )?(?:si|cuando|aunque)\b", re.IGNORECASE),
    talk=re.compile(
        r"^\W*(?:hola|buen(?:os|as) (?:d[ií]as|tardes|noches)|(?:muchas |mil )?gracias|vale|ok|perfecto|genial|bien|muy bien|"
        r"estupendo|adi[oó]s|hasta luego|s[ií]|no|claro|entendido|de acuerdo|de nada|qu[eé] tal|c[oó]mo est[aá]s|qui[eé]n eres|"
        r"qu[eé] eres|qu[eé] puedes hacer|hola[,! ]+(?:buen(?:os|as) (?:d[ií]as|tardes|noches)|qu[eé] tal))\W*$",
        re.IGNORECASE,
    ),
)

LANGUAGES = {"en": ENGLISH, "es": SPANISH}

# sentences that say that an answer is not there; nothing that a follow-up could mean stands in them
REFUSAL = re.compile(
    r"not in your documents|passages do not say|no est[aá] en tus documentos|pasajes no lo dicen|"
    r"\b(?:i (?:do not|don't) know|i'm sorry|i am sorry|no lo s[eé])\b",
    re.IGNORECASE,
)
