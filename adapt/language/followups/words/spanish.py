"""The Spanish words by which follow-up questions are recognised; without accents."""

import re

from adapt.language.followups.words.table import Words, word_set

_ES_AR = (
    "aceptar abonar acabar adaptar admitir ahorrar alquilar anular aplicar arreglar atrasar avisar bajar "
    "borrar buscar cambiar "
    "cancelar cargar cobrar comprar conectar configurar contestar contratar cortar costar crear cuidar dar "
    "dejar dirigir durar ensayar entrar "
    "enseñar entregar enviar estar esperar estudiar fabricar facturar financiar firmar funcionar ganar gastar "
    "gustar hablar "
    "importar incluir indicar instalar lavar llamar llegar llevar mandar marcar mirar montar mostrar necesitar ocupar "
    "organizar pagar parar parpadear pasar pesar prestar quedar quitar realizar recargar reclamar regresar "
    "renovar reparar "
    "reservar resultar sacar solicitar sujetar superar tardar terminar tocar tomar trabajar tratar usar "
    "utilizar viajar visitar"
)
_ES_ER = (
    "beber comer correr creer deber depender devolver leer meter perder poder poner recoger responder romper "
    "suceder vender ver"
)
_ES_IR = (
    "abrir añadir admitir asistir compartir consistir construir cubrir decidir dividir dirigir escribir "
    "existir incluir medir morir ocurrir partir pedir permitir recibir salir servir subir sufrir unir vivir"
)
_ES_FORMS = {
    "ar": "a an o amos as e en aba aban o aron e ara aran aria arian ado ando ar arlo arla arlos arlas arse",
    "er": "e en o emos es a an ia ian io ieron i era eran eria erian ido iendo er erlo erla erlos erlas erse",
    "ir": "e en o imos es a an ia ian io ieron i ira iran iria irian ido iendo ir irlo irla irlos irlas irse",
}
_ES_IRREGULAR = (
    "es son era eran fue fueron ser sera seran sea ha han habia hay he hemos haber habra esta estan estaba "
    "estaban estoy estuvo "
    "cuesta cuestan costo vale valen valia valer mide miden pide piden pido pidio cierra cierran cerro cerrar "
    "cierro empieza "
    "empiezan empezo empezar comienza comienzan tiene tienen tenia tuvo tener tengo hace hacen hago hizo hacia "
    "hacer dice dicen "
    "dijo decir va van voy vamos ir iba fui puede pueden puedo podemos podria podia quiere quieren quiero "
    "queria querer queda "
    "quedan viene vienen vino venir pone ponen pongo puso sale salen salgo nacio nacer nace murio muere "
    "muestra muestran "
    "devuelve devuelvo vuelve vuelven vuelvo significa significan enciende encender encendio pierde pierdo "
    "perdi juega jugar "
    "suele suelen ofrece ofrecen ofrecer pertenece aparece conoce conocer trae traen traer trajo hizo sirve "
    "sirven sirvio "
    "recoge recojo dirige dirigen dirigio di da dan dio doy ve veo ver oye sabe se saber sabes debe deben debo "
    "cabe caben "
    "contiene mantiene obtiene obtener consigue conseguir sigue siguen seguir construyo construyeron construye incluye "
    "incluyen fundo fundaron abierto abierta abiertos cerrado cerrada cerrados escrito hecho cobro reside "
    "parece falta faltan "
    "pertenecen atiende atienden atender compro"
)
# forms that are nouns far more often, or are articles, prepositions and so on
_ES_NOUNS = (
    "factura facturas cargo cargos marca marcas llave entrada entradas salida salidas llamada llamadas cuenta "
    "pesa carga toma "
    "trato gasto pago pagos cambio cambios paso uso baja corte para sobre como entre una parte medio reserva "
    "reservas visita "
    "visitas reparo trabajo trabajos cargador estado helado pasado pasada ganado cuidado cuidados pedido "
    "pedidos recibo recibos "
    "oferta parto partes subida unido partido vendido mandado envio envios aviso avisos arreglo lavado "
    "prestado tardes tarde "
    "crea cobra de des en a e entrega entregas compra muestra firma"
)
_ES_KEEP = "cobra pesa baja para"  # verbs all the same, after a pronoun or a noun


def _spanish_verbs() -> frozenset[str]:
    forms = set(_ES_IRREGULAR.split())
    for verb in f"{_ES_AR} {_ES_ER} {_ES_IR}".split():
        stem, ending = verb[:-2], verb[-2:]
        forms |= {stem + form for form in _ES_FORMS[ending].split()}
        if stem.endswith(("g", "c")):  # pague, busque
            soft = stem + "u" if stem.endswith("g") else stem[:-1] + "qu"
            forms |= {soft + "e", soft + "en"}
    return frozenset((forms - set(_ES_NOUNS.split())) | {"cobra", "pesa"})


SPANISH = Words(
    determiners=word_set(
        "el la los las un una unos unas mi mis nuestro nuestra nuestros nuestras tu tus vuestro vuestra algun "
        "alguna algunos "
        "algunas ningun ninguna cada todo toda todos todas otro otra otros otras este esta estos estas ese esa "
        "esos esas "
        "aquel aquella aquellos aquellas ambos ambas"
    ),
    definite=word_set("el la los las mi mis nuestro nuestra tu tus"),
    demonstratives=word_set(
        "este esta estos estas ese esa esos esas aquel aquella aquellos aquellas"
    ),
    prepositions=word_set(
        "de del en a al con sin por para desde hasta hacia sobre entre tras durante segun ante bajo contra del al"
    ),
    complement=word_set("de del para"),
    auxiliaries=frozenset(),
    verbs=_spanish_verbs(),
    asking=word_set(
        "que quien quienes cual cuales cuando donde adonde como cuanto cuanta cuantos cuantas"
    ),
    joining=word_set("y e o u pero si porque cuando mientras que aunque"),
    persons=word_set(
        "yo me mi conmigo nosotros nos tu te ti vosotros os usted ustedes le les se alguien nadie algo nada"
    ),
    things=word_set("eso esto aquello ello ellos ellas"),
    people=word_set("el ella"),
    possessives=word_set("su sus suyo suya suyos suyas"),
    places=word_set("ahi alli alla"),
    plural=word_set("los las ellos ellas"),
    fillers=word_set(
        "no tambien muy mas menos tan tanto mucho mucha muchos poco bien mal ya aun todavia siempre nunca "
        "ahora luego antes "
        "despues entonces solo aqui gratis incluido incluida disponible posible necesario necesaria valido "
        "barato barata "
        "caro cara mejor peor mayor menor rapido rapida lento lenta normalmente exactamente pronto lejos cerca "
        "si abierto "
        "abierta cerrado cerrada alto alta grande largo larga pesado pesada mismo igual minimo maximo"
    ),
    attributes=word_set(
        "precio precios coste costes tarifa tarifas peso tamaño largo longitud anchura altura velocidad "
        "capacidad color garantia "
        "direccion correo telefono fabricante plazo duracion edad horario horarios limite nombre temperatura potencia "
        "poblacion superficie distancia sueldo fianza descuento envio autor autora dueño responsable"
    ),
    roles=word_set(
        "director directora dueño dueña autor autora jefe jefa responsable ingeniero ingeniera alcalde "
        "alcaldesa presidente "
        "presidenta fundador fundadora encargado encargada arquitecto medico medica secretario profesor profesora"
    ),
    measures=word_set(
        "hora horas dia dias semana semanas mes meses año años minuto minutos tiempo euro euros dinero numero "
        "numeros cantidad "
        "tipo forma manera cosa cosas vez veces parte partir sitio lugar gente personas kilo kilos metros gigas falta"
    ),
    times=word_set(
        "lunes martes miercoles jueves viernes sabado sabados domingo domingos enero febrero marzo abril mayo "
        "junio julio "
        "agosto septiembre octubre noviembre diciembre primavera verano otoño invierno mañana mañanas tarde "
        "tardes noche "
        "noches mediodia festivo festivos hoy ayer navidad laborables proximo proxima fin semana"
    ),
    elliptic=word_set(
        "azul verde roja rojo amarilla amarillo blanca blanco negra negro naranja gris grande pequeña pequeño "
        "primera primero "
        "segunda segundo tercera tercero ultima ultimo otra otro larga largo corta corto nueva nuevo vieja viejo doble "
        "individual mediana mediano barata barato cara caro infantil normal sencilla sencillo"
    ),
    leading=re.compile(
        r"^(?:(?:ok|vale|gracias|perfecto|bien|bueno|ah|oh|s[ií]|no)\b[,.! ]*)?[¿ ]*"
        r"(?:y (?:qu[eé] (?:pasa|hay|tal) (?:con|de)|qu[eé] tal)|qu[eé] (?:pasa con|hay de|tal)|y|e|o|pero|"
        r"tambi[eé]n|entonces)"
        r"\b[,: ]*",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^[¿ ]*(?:(?:no|perd[oó]n|perdona|disculpa|ah|oh|espera|uy|lo siento)\b[,.! ]*)*"
        r"(?:(?:yo )?(?:me refer[ií]a|me refiero|quer[ií]a decir|quise decir|quiero decir|preguntaba|"
        r"quer[ií]a preguntar|"
        r"quer[ií]a saber)(?: por| a| al)?)\b[,: ]*",
        re.IGNORECASE,
    ),
    refusal=re.compile(
        r"^(?:(?:no|perd[oó]n|es[ea] no)[,.!]+ *)+|^no [^,]+, *(?:sino )?", re.IGNORECASE
    ),
    comparison=re.compile(
        r"\b(?:cu[aá]l(?:es)?(?: de (?:ellos|ellas|los dos|las dos|estos|estas|esos|esas))?(?: \w+)? (?:el |la |"
        r"los |las )?"
        r"(?:m[aá]s|menos|mejor|peor|antes)\b|cu[aá]l(?:es)? de (?:ellos|ellas|los dos|las dos|estos|estas|esos|"
        r"esas)\b|"
        r"la diferencia entre (?:ellos|ellas|los dos|las dos|ambos|ambas)\b)",
        re.IGNORECASE,
    ),
    condition=re.compile(r"^(?:qu[eé] pasa )?(?:si|cuando|aunque)\b", re.IGNORECASE),
    wish=re.compile(
        r"^(?:por favor[, ]*)?(?:yo|me gustan?|prefiero|quiero|soy|vivo|trabajo|mis?|nuestr[oa]s?|responde|"
        r"contesta|usa|pon|escribe|"
        r"s[eé]|haz(?:lo)?|dilo|dime|ll[aá]mame|h[aá]blame|nada|solo)\b",
        re.IGNORECASE,
    ),
    talk=re.compile(
        r"^\W*(?:es[oe]? (?:no )?(?:est[aá]|es) (?:mal|bien|correcto|verdad|falso|incorrecto)|no es (?:correcto|verdad)|"
        r"te equivocas|tienes raz[oó]n|hola|buen(?:os|as) (?:d[ií]as|tardes|noches)|(?:muchas |mil )?gracias|vale|ok|"
        r"perfecto|genial|bien|muy bien|"
        r"estupendo|adi[oó]s|hasta luego|s[ií]|no|claro|entendido|de acuerdo|de nada|qu[eé] tal|"
        r"c[oó]mo est[aá]s|qui[eé]n eres|"
        r"qu[eé] eres|qu[eé] puedes hacer|hola[,! ]+(?:buen(?:os|as) (?:d[ií]as|tardes|noches)|qu[eé] tal))\W*$",
        re.IGNORECASE,
    ),
)
