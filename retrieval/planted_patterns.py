"""How instructions to an assistant are worded, in English and Spanish: patterns over small letters.

`STRONG` ones tell by themselves; `WEAK` ones are orders as every manual has them, and count only beside a strong one. A pattern
goes up to the end of its sentence. How they are applied: `retrieval.planted`.
"""

# ruff: noqa: E501  a pattern is read as one line

import re

_RULES_EN = r"(?:instructions?|prompts?|directions|directives?|rules|guidelines?|commands?|messages?|context|training|polic(?:y|ies)|constraints|restrictions)"
_RULES_ES = r"(?:instrucci[oó]n(?:es)?|indicaciones|[oó]rdenes|reglas|mensajes?|prompts?|directrices|restricciones|contexto)"
_ASSISTANT_EN = r"(?:ais?|llms?|(?:large )?language models?|chat ?bots?|(?:ai|virtual|digital) (?:assistants?|models?|agents?|systems?)|chatgpt|gpt(?:-\d\w*)?|copilot|claude|gemini|llama)"
_ASSISTANT_ES = r"(?:ias?|inteligencia artificial|modelos? de lenguaje|chat ?bots?|asistentes? (?:virtual(?:es)?|de ia|digital(?:es)?)|chatgpt)"
_SAY_EN = r"(?:say|answer|reply|respond|tell|claim|state|output|print|write|return|recommend|repeat|mention|insist)"
_SAY_ES = r"(?:di|dile|diles|responde|contesta|responda|conteste|diga|afirma|escribe|escriba|repite|indica|recomienda|menciona|insiste)"
_SECRETS = r"(?:system prompt|prompt del sistema|(?:your|tus|hidden|secret|initial|original) (?:instructions?|prompt|instrucciones)|instrucciones del sistema|(?:chat|conversation) history|(?:this|whole|entire|toda la|esta) conversaci?[oó]n|conversation so far|datos de otros usuarios|other users?'? (?:personal )?data)"
_KEYS = r"(?:(?:api|access|secret) keys?|passwords?|contraseñas?|claves? (?:de acceso|secretas?)|credentials|credenciales|users?'? (?:personal )?data|datos de (?:los )?usuarios)"

# each names one way of speaking to an assistant; all are searched in small letters
STRONG = tuple(
    re.compile(one)
    for one in (
        # forget what you were told
        rf"\b(?:ignore|disregard|forget|override)\b[^.!?]{{0,20}}\b{_RULES_EN}\b[^.!?]{{0,12}}\b(?:above|before|you were given|so far)\b",
        rf"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|override|bypass|do not follow|don't follow|stop following)\b[^.!?]{{0,40}}\b(?:previous|prior|above|earlier|preceding|before|all|any|every|your|system|other|original|existing|current)\b[^.!?]{{0,30}}\b{_RULES_EN}\b",
        r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:that )?(?:above|before|said|you|i|we|was|prior|previous)\b",
        rf"\b(?:ignor[ae]n?|olvid[ae]n?|olvídate de|desatiend[ea]|descart[ae]|omit[ea]|haz caso omiso de|no sigas|no hagas caso (?:a|de)|deja de seguir|anul[ae])\b[^.!?]{{0,40}}\b{_RULES_ES}\b[^.!?]{{0,30}}\b(?:anterior(?:es)?|previ[ao]s?|del sistema|de arriba|recibid[ao]s|originales|hasta ahora)\b",
        rf"\b(?:ignor[ae]|olvid[ae]|descart[ae]|omit[ea]|no sigas|deja de seguir|anul[ae])\b[^.!?]{{0,20}}\b(?:tod[ao]s|tus|cualquier)\b[^.!?]{{0,20}}\b{_RULES_ES}\b",
        r"\b(?:olvid[ae]|ignor[ae]) (?:todo|cuanto) lo (?:anterior|previo|dicho|que)\b",
        r"\b(?:these|the following|estas|las siguientes) (?:instructions|instrucciones|rules|reglas) (?:override|supersede|replace|take precedence|anulan|sustituyen|prevalecen|tienen prioridad)\b",
        r"\b(?:stop|drop|abandon) (?:what(?:ever)? )?you(?: are|'re| were) doing\b|\bdej[ae] (?:de hacer )?lo que est(?:ás|abas|aba|é)\b",
        # you are someone else now
        r"\byou are (?:now|no longer) (?:a|an|the|in|my|bound|restricted|dan\b|free|called|assistant|adapt)\b",
        r"\b(?:ahora eres|ya no eres|eres ahora|pasas a ser|finge (?:ser|que eres))\b",
        r"^\W*(?:act as|pretend (?:to be|that you|you are)|roleplay as|act[uú]a como)\b[^.!?]{0,60}",
        r"\bfrom (?:now|here|this (?:point|message|line|moment)) on(?:wards?)?,? (?:speak|write|translate)\b|\bfrom (?:now|here|this (?:point|message|line|moment)) on(?:wards?)?,? (?:you|always|every|all|only|answer|reply|respond|say|end|begin|start|refuse|your|act)\b",
        r"\b(?:a partir de|desde) (?:ahora|este momento|aqu[ií])(?: en adelante)?,? (?:eres|siempre|todas?|cada|solo|responde|contesta|debes|act[uú]a|tu|tus|tú|termina|empieza|nieg|di\b)",
        r"\b(?:new|updated|real|actual|special|secret|hidden) (?:system |assistant )?(?:instructions?|prompt|task|directives?|orders)\b(?: \w+){0,5} ?:",
        r"\b(?:nuevas?|verdaderas?|secretas?) (?:instrucci[oó]n(?:es)?|[oó]rden(?:es)?|tareas?|directrices)\b(?: \w+){0,5} ?:",
        r"\b(?:jailbreak|developer mode|modo desarrollador|dan mode)\b[^.!?]{0,30}\b(?:enabled|on|activated|activado|activa)\b",
        # to whom it speaks
        rf"\b(?:note|message|instructions?|attention|important|notice|memo|reminder|dear|hey|hello) ?(?:(?:to|for),? )?(?:the |any |all |every )?(?:{_ASSISTANT_EN}|assistants?|models?)\b(?= ?[,:.!(\u2014\u2013-]| (?:reading|that|who|which|processing|answering|summar))",
        rf"\b(?:nota|mensaje|instrucci[oó]n(?:es)?|aviso|atenci[oó]n|importante|recordatorio|estimad[oa]|querid[oa]|hola)[,:]? ?(?:para |al? )?(?:el |la |los |las |cualquier |todo )?(?:{_ASSISTANT_ES}|asistente|modelo)\b(?= ?[,:.!(\u2014\u2013-]| (?:que|quien))",
        rf"\b(?:if you are|if you're|as) an? {_ASSISTANT_EN}\b[^.!?]{{0,30}}\b(?:you|please|,|must|should)",
        rf"\b(?:si eres|como) (?:una? )?{_ASSISTANT_ES}\b[^.!?]{{0,30}}(?:,|\bdebes|\btienes)",
        rf"\b(?:the|any|all|every|this|{_ASSISTANT_EN}) ?(?:{_ASSISTANT_EN}|assistant|model)?\b (?:must|should|shall|has to|have to|needs to) (?:always |now |only |never |also )*(?:{_SAY_EN}|ignore|disregard|refuse|begin|end|start|append|include|reveal)\b[^.!?]{{0,60}}(?:\bwith\b|\bthat\b|\buser|[\"'“«:]|\banswer|\bresponse|\binstruction)",
        rf"\b(?:el|la|todo|cualquier) (?:asistente|ia|modelo|{_ASSISTANT_ES})\b (?:debe|deberá|tiene que|ha de) (?:siempre |ahora |solo |nunca )*(?:responder|contestar|decir|ignorar|negarse|empezar|terminar|añadir|incluir|revelar|repetir|afirmar)\b",
        rf"\b(?:in case|if) (?:an?|any|the) (?:assistant|{_ASSISTANT_EN})\b[^.!?]{{0,20}}\b(?:reads?|reading|process(?:es|ing)|sees|answers|summari[sz]es)\b",
        r"\b(?:whoever|anyone who|anything that) (?:summari[sz]es|answers|processes)\b[^.!?]{0,50}\b(?:must|has to|should|shall)\b",
        r"\bquien(?:es|quiera que)? (?:resum[ae]n?|responda|conteste|procese)\b[^.!?]{0,50}\b(?:debe|ha de|tiene que|deberá)\b",
        # what to answer
        rf"^\W*(?:and |then |now |please |you must |you should |you will |always |instead,? )*(?:{_SAY_EN})\b(?: \w+){{0,4}}? (?:only|exactly|always|verbatim|with|the) (?:the )?(?:exact |single |following )*(?:word|words|phrase|text|code|token|string|sentence|line)\b",
        rf"\b(?:you|assistant) (?:must|should|will|are to|have to|need to) (?:always |now |only |never |instead )*{_SAY_EN}\b(?: \w+){{0,5}} ?[\"'“«:]",
        r"\b(?:begin|start|end|finish|close|prefix|append|add|include|insert|put)\b[^.!?]{0,50}\b(?:in |to |with |of |at the end of )?(?:your|every|each|all|any|the final) (?:of your )?(?:answers?|repl(?:y|ies)|responses?|outputs?|messages?|summar(?:y|ies))\b",
        r"\b(?:your|every|each) (?:answer|reply|response|output|summary)s? (?:must|should|shall|has to|is to|will) (?:always |only |now )*(?:be|begin|end|contain|include|start|say|consist|mention)\b",
        r"\b(?:instead|rather) of (?:answering|replying|responding)\b|\banswer (?:every|all|any) (?:questions?|requests?)\b[^.!?]{0,30}\bwith\b|\binstead,? (?:say|answer|reply|respond|output|print)\b",
        rf"^\W*(?:y |luego |ahora |por favor,? |debes |siempre |en su lugar,? )*(?:{_SAY_ES}|responder|contestar|decir)\b(?: \w+){{0,4}}? (?:solo|solamente|únicamente|siempre|exactamente|con|la|el) (?:la |el )?(?:palabra|palabras|frase|texto|código|cadena|siguiente)\b",
        r"\b(?:responde|contesta|respondan|responda) (?:siempre|solo|solamente|únicamente|exactamente|a todo|a todas|a cualquier)\b",
        r"\b(?:empieza|comienza|termina|acaba|añade|agrega|incluye|inserta|pon)\b[^.!?]{0,50}\b(?:tus?|cada|todas? (?:las|tus|la)|cualquier|la) (?:respuestas?|contestaci[oó]n(?:es)?|mensajes?|res[uú]men(?:es)?)\b",
        r"\b(?:tus?|cada|toda) (?:respuestas?|contestaci[oó]n) (?:debe|deben|tiene que|ha de|deberá) (?:ser|empezar|terminar|contener|incluir|decir)\b",
        r"\ben (?:lugar|vez) de (?:responder|contestar)\b",
        # when asked about X say Y
        rf"\b(?:when(?:ever)?|if|once)\b (?:you(?: are|'re)?|the users?|a user|users?|anyone|someone|somebody|anybody|they|people|a customer)? ?(?:is |are |gets? )?(?:ask(?:s|ed)?|questioned|quer(?:y|ied)|inquires?|wants? to know|prompted)\b[^.!?]{{0,90}}?(?:,| then| you (?:must|should)| always)? ?\b(?:always |simply |just |only |please |must |should )*{_SAY_EN}\b(?! (?:your|his|her|their) (?:gp|doctor|employer))",
        rf"\b(?:cuando|si|siempre que) (?:te |le |os |alguien |el usuario |un usuario |los usuarios |la gente |se )?(?:te |le )?(?:pregunt(?:a|an|e|en|aran?)|consult(?:a|an|e|en)|piden?|pidan?)\b[^.!?]{{0,90}}\b{_SAY_ES}\b",
        r"\b(?:do not|don't|never) (?:tell|inform|reveal to|mention to|let|alert|warn) (?:the |any )?users?\b[^.!?]{0,60}\b(?:this|about|that|know|instruction|message)",
        r"\bno (?:se lo )?(?:digas|cuentes|reveles|menciones|informes|avises)\b[^.!?]{0,40}\b(?:usuario|esta instrucci[oó]n|este mensaje|nadie)\b",
        # what to give away
        rf"\b(?:reveal|print|repeat|output|show|leak|disclose|send|share|expose|display|email|post|upload|give|list|tell|exfiltrate|append|include)\b[^.!?]{{0,50}}\b{_SECRETS}",
        rf"\b(?:revel[ae]|muestr[ae]|imprim[ea]|repit[ea]|env[ií][ae]|divulg[ae]|compart[ae]|filtr[ae]|escrib[ea]|list[ae]|di|copia)\b[^.!?]{{0,50}}\b{_SECRETS}",
        rf"^\W*(?:and |now |please )*(?:reveal|print|output|leak|disclose|expose|exfiltrate|tell me|give me|show me)\b[^.!?]{{0,50}}\b{_KEYS}",
        rf"^\W*(?:y |ahora |por favor,? )*(?:revela|divulga|filtra|imprime|dime|dame|muéstrame|envíame)\b[^.!?]{{0,50}}\b{_KEYS}",
        r"\byour (?:hidden|internal|initial|original|secret|system) (?:prompt|variables|instructions)\b|\b(?:the|el) (?:hidden|secret) (?:prompt|variables|instructions)\b",
        r"^\W*(?:todo:? |and |then |now |please )*(?:send|e-?mail|forward|upload|post|transmit|exfiltrate)\b[^.!?]{0,30}\b(?:summary|history|source code|conversation|chat|database|user data|all data|context|contents?)\b[^!?]{0,40}(?:@|https?://|\w\.(?:com|net|org|io|example)\b|endpoint|server)",
        r"\b(?:manda|envía|reenvía|sube)\b[^.!?]{0,30}\b(?:historial|conversaci[oó]n|resumen|contenido|datos del usuario|base de datos)\b[^!?]{0,40}(?:@|https?://|\w\.(?:com|net|org|io|example)\b)",
        # what to do with tools
        r"\b(?:call|invoke|use|run|execute|trigger)\b[^.!?]{0,30}\b(?:tool|plugin)s?\b[^.!?]{0,60}(?:\bwith\b|\bto (?:send|delete|email|transfer|post|open|pay|buy|fetch|remove)|\bnow\b|\bimmediately\b)",
        r"\b(?:llama|invoca|usa|utiliza|ejecuta)\b[^.!?]{0,20}\b(?:la|las|tu|tus) herramientas?\b",
        r"[{] ?[\"'](?:name|tool|function|tool_name|action)[\"'] ?: ?[\"'][^\"']+[\"'] ?, ?[\"'](?:arguments|parameters|args|input|action_input)[\"'] ?:",
        r"<(?:tool_call|function_call|tool_use|invoke|function_calls)\b",
        # a picture whose address carries something out
        r"!\[[^\]]*\]\( ?https?://[^)\s]*(?:[?{]|%7b|\$\{)",
        r"<img\b[^>]*\bsrc ?= ?[\"']?https?://[^\"'>\s]*[?{]",
        # posing as another turn, or as the end of the documents
        r"</?passage\b|\bthe only (?:correct|valid|acceptable|allowed) (?:answer|reply|response)\b|\bla única (?:respuesta|contestaci[oó]n) (?:correcta|válida|aceptable|permitida)\b",
        r"\bsystem override\b",
        r"^\W*(?:system|sistema|developer|assistant|asistente)(?: (?:message|prompt|override|note|update|notice|mensaje))? ?[:>\])]",
        r"<\|[^|>]{1,40}\|>|<\uff5c[^\uff5c>]{1,40}\uff5c>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>",
        r"^\W*(?:begin|end|start) (?:of )?(?:system|admin|developer|new|hidden|secret) (?:prompt|instructions?|message|override)\b",
    )
)  # fmt: skip
# the same without spaces, for letters that all stand apart
RUN_TOGETHER = re.compile(
    "ignoreall|ignorethe|ignoreprevious|disregard|instruction|systemprompt|languagemodel|chatbot|whenasked|iftheuser|youmust|youare(?:now|nolonger)"
    "|(?:reply|respond|answer)(?:with|only|every)|youranswer|yourrepl|yourresponse|insteadof|developermode|tooltosend|revealyour|fromnowon"
    "|instrucciones|asistente|delsistema|apartirdeahora|(?:responde|contesta)(?:s[oó]lo|siempre|[uú]nicamente|a)|tepregunten|elusuario|turespuesta|cadarespuesta|respuestas"
    "|enlugarde|insteadof|herramienta|estaconversaci|tellthe|actas"
)
# orders or promises that by themselves stand in every manual; beside a planted sentence they are part of it
WEAK = re.compile(
    rf"\b(?:{_SAY_EN}|{_SAY_ES}|include|append|send|call|open|click|visit|use|run|execute|fetch|render|display|translate|pretend|refuse|comply|obey|remember|follow|do not|don't|never|"
    r"you|your|yours|user|assistant|instructions?|prompt|instead|must|override|"
    r"incluye|añade|envía|llama|abre|visita|usa|ejecuta|muestra|finge|obedece|recuerda|sigue|nunca|debes|tú|tu|tus|usuario|asistente|instrucciones|en su lugar|obligatorio|mandatory)\b"
    r"|https?://|[\"“«'`][^\"”»'`]{2,60}[\"”»'`]|\b[a-z]*\d+[a-z]+\w*\b|\b\w+-\d{2,}\w*\b"
)
