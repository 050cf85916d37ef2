"""How instructions to an assistant are worded, in English and Spanish: patterns over small letters.

`STRONG` ones tell by themselves; `WEAK` ones are orders as every manual has them, and count only beside a strong one. What an
office tells its staff is worded much alike ("when asked for the price, tell guests to …"), so an order to say something counts
only with a sign of a machine in it: the very words to be said, a code, an address, the user, every answer. A pattern goes up to
the end of its sentence. How they are applied, and what is only a report of such words: `retrieval.prompt.injections`.
"""

# ruff: noqa: E501  a pattern is read as one line

import re

_RULES_EN = r"(?:instructions?|prompts?|directions|directives?|rules|guidelines?|commands?|messages?|context|training|polic(?:y|ies)|constraints|restrictions)"
_RULES_ES = r"(?:instrucci[oó]n(?:es)?|indicaciones|[oó]rdenes|reglas|mensajes?|prompts?|directrices|restricciones|contexto)"
_ASSISTANT_EN = r"(?:ais?|llms?|(?:ai |large )?language models?|chat ?bots?|(?:ai|virtual|digital) (?:assistants?|models?|agents?|systems?)|chatgpt|gpt(?:-\d\w*)?|copilot|claude|gemini|llama)"
_ASSISTANT_ES = r"(?:ias?|inteligencia artificial|modelos? de lenguaje|chat ?bots?|asistentes? (?:virtual(?:es)?|de ia|digital(?:es)?)|chatgpt)"
_SAY_EN = r"(?:say|answer|reply|respond|tell|claim|state|output|print|write|return|recommend|repeat|mention|insist)"
_SAY_ES = r"(?:di|dile|diles|responde|contesta|responda|conteste|diga|afirma|escribe|escriba|repite|indica|recomienda|menciona|insiste)"
_SECRETS = r"(?:system prompt|prompt del sistema|(?:your|tus|hidden|secret) (?:initial |original )?(?:instructions?|prompt|instrucciones)|initial (?:instructions?|prompt)|instrucciones del sistema|(?:chat|conversation) history|(?:this|whole|entire|toda la|esta) conversa(?:tion|ci[oó]n)|conversation so far|datos de otros usuarios|other users?'? (?:personal )?data)"
_KEYS = r"(?:(?:api|access|secret) keys?|passwords?|contraseñas?|claves? (?:de acceso|secretas?)|credentials|credenciales|users?'? (?:personal )?data|datos de (?:los )?usuarios)(?![^.!?]*\b(?:nobody|no one|only (?:to|on|in|when)|never|nadie|solo (?:a|en))\b)"
# words of paper, not of a prompt: which instructions, and for whom
_OF_PAPER = r"(?! ?(?:about|for|if|when|regarding|concerning|where|unless|(?:that|which) (?:came|come|hangs?|stands?|(?:is|are|was|were) (?:printed|sent|delivered|posted|pinned|written))|(?:on|in|of|from) (?!(?:your|the|this|any) (?:system|prompt|context|conversation|chat|user|developer)\b)|sobre|acerca|si|cuando|para|(?:de|del|en) (?!(?:l[ao]s? |este |esta |tu )?(?:sistema|prompt|contexto|conversaci[oó]n|usuario)\b))\b)"
# the very words to be said: quoted, with a figure in them, an address
_LITERAL = r"(?:[\"“«'`\u2018][^\"”»'`\u2019]{1,80}[\"”»'`\u2019]|https?://|(?=[\w-]*[^\W\d_])[\w-]*\d[\w-]*)"
# one to three words and nothing after them, as "say banana"; not how, to whom, or a clause
_BARE = r"(?!(?:that|so|yes|no|not|it|the|an?|your|his|her|their|this|these|to|at|by|in|on|of|for|with|when|if|as|only to|them|him|us|me|you|nothing|please|politely|within|be|que|no|sí|así|el|la|los|las|una?|su|sus|al?|del?|en|con|por|cuando|si|se|le|les|lo|cuanto|antes|dentro|ante)\b)(?:[^\W_][\w'-]*)(?: [^\W_][\w'-]*){0,2}[^\w\s]*$"
_SAID = r"(?:(?:exactly|only|just|simply|verbatim|always|nothing but|únicamente|solo|solamente|siempre|exactamente|the|la|el|lo|with|con|in|en|is|:| )*\s*(?:(?:word|phrase|text|code|string|sentence|token|link|line|palabra|frase|texto|código|cadena|enlace|siguiente|following) )*)"
_WORDS = r"(?:word|phrase|text|code|token|string|sentence|words|link)"
_ONLY_EN, _ONLY_ES = (
    r"(?:only|exactly|verbatim|nothing (?:but|else|more))",
    r"(?:s[oó]lo|solamente|únicamente|exactamente|nada más)",
)
# what is answered at work, and is no question to a machine
_RUNG = r"(?:the |every |each |all |any |our |el |la |los |las |al |a |a la |a los |a las )*(?:tele)?(?:phone|door|bell|doorbell|radio|call|letter|e-?mail|mail|post|enquir|inquir|tel[eé]fono|puerta|timbre|llamada|carta|correo)"
_PEOPLE = r"\b(?:callers?|customers?|clients?|guests?|visitors?|patients?|pupils?|students?|parents?|tenants?|passengers?|members?|colleagues?|applicants?|clientes?|pacientes?|alumn[oa]s?|visitantes?|huésped(?:es)?|interesad[oa]s?|viajer[oa]s?|soci[oa]s?|inquilin[oa]s?)\b"
_NO_PEOPLE = rf"(?!.*{_PEOPLE})"
_PERSONA = r"(?:\w+ ){0,3}?(?:ai|assistant|\w*bot|model|agent|hacker|pirate|poet|expert|character|persona|terminal|dan|translator|interpreter|ia|asistente|modelo|agente|pirata|poeta|experto|personaje|libre)\b"

# each names one way of speaking to an assistant; all are searched in small letters
STRONG = tuple(
    re.compile(pattern)
    for pattern in (
        # forget what you were told
        rf"\b(?:ignore|disregard|forget|override)\b[^.!?]{{0,20}}\b{_RULES_EN}\b[^.!?]{{0,12}}\b(?:above|before|you were given|so far)\b{_OF_PAPER}",
        rf"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|override|bypass|do not follow|don't follow|stop following)\b[^.!?]{{0,40}}\b(?:previous|prior|above|earlier|preceding|before|all|any|every|your|system|other|original|existing|current)\b[^.!?]{{0,30}}\b{_RULES_EN}\b{_OF_PAPER}",
        r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:that )?(?:you (?:were|have been|know)|i (?:said|told)|we (?:said|told)|was said|(?:said |stated )?(?:above|before|prior|previous)(?= ?(?:and\b|then\b|[^\w ]|$)))",
        rf"\b(?:ignor[ae]n?|olvid[ae]n?|olvídate de|desatiend[ea]|descart[ae]|omit[ea]|haz caso omiso de|no sigas|no hagas caso (?:a|de)|deja de seguir|anul[ae])\b[^.!?]{{0,40}}\b{_RULES_ES}\b[^.!?]{{0,30}}\b(?:anterior(?:es)?|previ[ao]s?|del sistema|de arriba|recibid[ao]s|originales|hasta ahora)\b{_OF_PAPER}",
        rf"\b(?:ignor[ae]|olvid[ae]|descart[ae]|omit[ea]|no sigas|deja de seguir|anul[ae])\b[^.!?]{{0,20}}\b(?:tod[ao]s|tus|cualquier)\b[^.!?]{{0,20}}\b{_RULES_ES}\b{_OF_PAPER}(?! \w+ (?:del?|en) (?:este|esta|l[ao]s?|el)?\b)",
        r"\b(?:olvid[ae]|ignor[ae]) (?:todo|cuanto) (?:lo (?:anterior|previo|dicho)|lo que (?:te )?(?:han|he|hemos|se te ha|dij\w+|indic\w+|sabes|sabías|has))\b(?! (?:de|del|sobre|acerca)\b)",
        r"\b(?:these|the following|estas|las siguientes) (?:instructions|instrucciones|rules|reglas) (?:override|supersede|take precedence|anulan|prevalecen|tienen prioridad)\b",
        r"\b(?:these|the following|estas|las siguientes) (?:instructions|instrucciones|rules|reglas) (?:replace|sustituyen)\b[^.!?]{0,20}\b(?:your|system|tus|del sistema)\b",
        r"\b(?:stop|drop|abandon) (?:what(?:ever)? )?you(?: are|'re| were) doing\b|\bdej[ae] (?:de hacer )?lo que est(?:ás|abas|aba|é)\b",
        rf"\b(?:olvid[ae]|ignor[ae]|descart[ae]) (?:las|tus) {_RULES_ES} que te\b|\byour instructions have changed\b|\btus instrucciones han cambiado\b|\byour new (?:task|role|job|instructions?) (?:is|are) to\b",
        # you are someone else now
        r"\byou are (?:now|no longer) (?:in )?(?:\w+ ){0,2}(?:mode\b|dan\b|free\w*bot\b|free from|unrestricted|unfiltered|jailbroken|bound|restricted|called|assistant|adapt)\b",
        rf"\byou are (?:now|no longer) (?:an?|the|my) {_PERSONA}",
        rf"\b(?:ahora eres|ya no eres|eres ahora|pasas a ser|finge (?:ser|que eres)|a partir de ahora eres) (?:una? |el |la )?{_PERSONA}",
        rf"^\W*(?:act as|pretend (?:to be|that you|you are)|roleplay as|act[uú]a como)\b{_NO_PEOPLE}(?: if| though)? ?(?:an? |the |una? |el |la |my )?(?:{_PERSONA}|[^.!?]{{0,40}}\b(?:and|y) (?:always |siempre )?(?:{_SAY_EN}|{_SAY_ES}|end|finish|begin|termina|acaba|empieza)\b(?! {_RUNG}))",
        rf"\bfrom (?:now|here|this (?:point|message|line|moment)) on(?:wards?)?,? (?:you (?:will |must |should |shall |are to |only |always )*)?(?:only |always )*(?:{_SAY_EN}|refuse|speak|translate)\b(?! {_RUNG}){_NO_PEOPLE}",
        rf"\bfrom (?:now|here|this (?:point|message|line|moment)) on(?:wards?)?,? (?:you are (?:an? |the )?{_PERSONA}|(?:your|all|every|each) (?:of your )?(?:answers?|responses?|outputs?)\b|(?:end|begin|start) (?:each|every|all|your)\b)",
        rf"\b(?:a partir de|desde) (?:ahora|este momento|aqu[ií])(?: en adelante)?,? (?:debes |siempre |solo )*(?:responde|contesta|responder|contestar|di|decir|niégate|tus respuestas|todas tus|termina|empieza)\b(?! {_RUNG}){_NO_PEOPLE}",
        rf"\b(?:new|updated|real|actual|special|secret|hidden) (?:system |assistant )?(?:instructions?|prompt|task|directives?|orders)\b(?: \w+){{0,5}} ?: ?(?:\w+ ){{0,2}}(?:{_SAY_EN}|ignore|forget|disregard|reveal|approve|you are|you will|act)\b",
        rf"\b(?:nuevas?|verdaderas?|secretas?) (?:instrucci[oó]n(?:es)?|[oó]rden(?:es)?|tareas?|directrices)\b(?: \w+){{0,5}} ?: ?(?:\w+ ){{0,2}}(?:{_SAY_ES}|ignora|olvida|revela|eres|act[uú]a)\b",
        r"\bnew (?:instructions?|orders?) (?:for|to) (?:the |this |any )?(?:assistant|model|ai)\b",
        r"\b(?:jailbreak|developer mode|modo desarrollador|dan mode)\b[^.!?]{0,30}\b(?:enabled|on|activated|activado|activa)\b",
        # to whom it speaks
        rf"\b(?:note|message|instructions?|attention|important|notice|memo|reminder|dear|hey|hello) ?(?:[:,] ?|(?:to|for),? )?(?:the |any |all |every )?{_ASSISTANT_EN}\b(?= ?[,:.!(\u2014\u2013-]| (?:reading|that|who|which|processing|answering|summar|the|must|should))",
        rf"\b(?:note|message|instructions?|attention|important|notice|memo|reminder|dear|hey|hello) ?(?:[:,] ?|(?:to|for),? )?(?:the |any |all |every )?(?:assistants?|models?)\b ?(?:[,:.!(\u2014\u2013-]|(?:reading|that|who|which|processing|answering|summar))[^.!?]{{0,30}}\b(?:{_SAY_EN}|ignore|disregard|reveal|user|your (?:answer|repl|response))\b",
        rf"\b(?:nota|mensaje|instrucci[oó]n(?:es)?|aviso|atenci[oó]n|importante|recordatorio|estimad[oa]|querid[oa]|hola)[,:]? ?(?:para |al? )?(?:el |la |los |las |cualquier |todo )?{_ASSISTANT_ES}\b(?= ?[,:.!(\u2014\u2013-]| (?:que|quien))",
        rf"\b(?:nota|mensaje|instrucci[oó]n(?:es)?|aviso|atenci[oó]n|importante|recordatorio|estimad[oa]|querid[oa]|hola)[,:]? ?(?:para |al? )?(?:el |la |los |las |cualquier |todo )?(?:asistente|modelo)\b ?(?:[,:.!(\u2014\u2013-]|que|quien)[^.!?]{{0,30}}\b(?:{_SAY_ES}|ignora|olvida|revela|usuario|tus? respuestas?)\b",
        rf"\b(?:if you are|if you're|as) an? {_ASSISTANT_EN}\b[^.!?]{{0,30}}\b(?:you|please|,|must|should)",
        rf"\b(?:si eres|como) (?:una? )?{_ASSISTANT_ES}\b[^.!?]{{0,30}}(?:,|\bdebes|\btienes)",
        rf"(?<!\w)(?:(?:the|any|all|every|this) )?{_ASSISTANT_EN}\b (?:reading (?:this|it) |that reads? (?:this|it) )?(?:must|should|shall|has to|have to|needs to) (?:always |now |only |never |also )*(?:{_SAY_EN}|ignore|disregard|refuse|begin|end|start|append|include|reveal)\b",
        rf"\b(?:the|any|all|every|this) (?:assistant|model) (?:must|should|shall|has to|have to|needs to) (?:always |now |only |never |also )*(?:{_SAY_EN}|ignore|disregard|refuse|begin|end|start|append|include|reveal)\b{_NO_PEOPLE}[^.!?]{{0,60}}(?:\buser|{_LITERAL}|\b(?:every|any|each|its) (?:answer|question|response)|\bprevious instruction|\b{_ONLY_EN}\b)",
        rf"\b(?:la|toda|cualquier) (?:ia|inteligencia artificial) (?:debe|deberá|tiene que|ha de)\b|\b(?:el|la|todo|cualquier) {_ASSISTANT_ES} (?:debe|deberá|tiene que|ha de) (?:siempre |ahora |solo |nunca )*(?:responder|contestar|decir|ignorar|negarse|empezar|terminar|añadir|incluir|revelar|repetir|afirmar)\b",
        rf"\b(?:el|la|todo|cualquier) (?:asistente|modelo) (?:debe|deberá|tiene que|ha de) (?:siempre |ahora |solo |nunca )*(?:responder|contestar|decir|ignorar|negarse|empezar|terminar|añadir|incluir|revelar|repetir|afirmar)\b{_NO_PEOPLE}[^.!?]{{0,60}}(?:\busuario|{_LITERAL}|\b(?:todas?|cada|cualquier) (?:respuesta|pregunta)|\b{_ONLY_ES}\b)",
        rf"^\W*{_ASSISTANT_EN} ?[:,] ?(?:\w+ ){{0,5}}(?:you|{_SAY_EN})\b|\b(?:to|for) (?:the |any |all )?{_ASSISTANT_EN} (?:that |who )?(?:read|review|process|summari|grad|rat)\w*\b|\bpara (?:la|las|cualquier|toda) {_ASSISTANT_ES} que (?:lea|lean|revise|resuma|procese|eval[uú]e)",
        rf"\b(?:in case|if) (?:an?|any|the) {_ASSISTANT_EN}\b[^.!?]{{0,20}}\b(?:reads?|reading|process(?:es|ing)|sees|answers|summari[sz]es)\b",
        r"\b(?:whoever|anyone who|anything that) (?:summari[sz]es|processes)\b[^.!?]{0,50}\b(?:must|has to|should|shall)\b",
        r"\bquien(?:es|quiera que)? (?:resum[ae]n?|procese)\b[^.!?]{0,50}\b(?:debe|ha de|tiene que|deberá)\b",
        # what to answer
        rf"^\W*(?:and |then |now |please |you must |you should |you will |always |instead,? )*{_SAY_EN}\b(?: \w+){{0,4}}? (?:{_ONLY_EN}|always|with) (?:the )?(?:exact |single |following )*(?:word|words|phrase|text|code|token|string|sentence|line)\b{_NO_PEOPLE}",
        rf"^\W*(?:and |then |now |please |you must |you should |you will |always |instead,? )*{_SAY_EN}\b(?: with| exactly| only| back)* (?:the )?(?:exact |single |following )*{_WORDS}:? {_LITERAL}",
        rf"^\W*(?:and |then |now |please |you must |you should |you will |always |instead,? )*(?:answer|reply|respond)\b (?:with )?{_ONLY_EN} (?:with )?(?:{_LITERAL}|{_BARE})",
        rf"\b(?:you|assistant) (?:must|should|will|are to|have to|need to) (?:always |now |only |never |instead )*{_SAY_EN}\b{_NO_PEOPLE}(?: \w+){{0,5}} ?(?:{_LITERAL}|[\"“«:])",
        r"\byou will output\b",
        rf"\b(?:begin|start|end|finish|close|prefix|append|add|include|insert|put)\b[^.!?]{{0,50}}\b(?:in |to |with |of |at the end of )?(?:your|every|each|all|any|the final) (?:of your )?(?:answers?|repl(?:y|ies)|responses?|outputs?|messages?|summar(?:y|ies))\b{_NO_PEOPLE}[^.!?]{{0,12}}(?:\bwith|\bby|:) ?{_SAID}(?:{_LITERAL}|{_BARE})",
        rf"\b(?:append|add|include|insert|put)\b ?{_SAID}(?:{_LITERAL}|(?!(?:your|an?|the|his|her|their|all)\b)\w+) (?:in|to|with|at the end of|at the beginning of|into) (?:your|every|each|all|any) (?:of your )?(?:answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies))\b",
        rf"\b(?:your|every|each) (?:next )?(?:answer|reply|response|output|summary)s? (?:must|should|shall|has to|is to|will) (?:always |only |now )*(?:be|begin|end|contain|include|start|say|consist|mention)\b{_NO_PEOPLE} ?{_SAID}{_LITERAL}",
        rf"\b(?:do not|don't|must not|never) answer (?:the|this|that|any) (?:user's )?questions?\b[^.!?]{{0,12}}[;,:] ?(?:but |and |just |only )?(?:{_SAY_EN}) {_SAID}(?:{_LITERAL}|{_BARE})|\bno (?:respondas|contestes) a (?:la|ninguna) pregunta\b[^.!?]{{0,12}}\b(?:y|sino) {_SAY_ES}\b",
        r"\b(?:instead|rather) (?:of|than) (?:answering|replying|responding|an? (?:answer|summary|reply))\b[^.!?]{0,30}, ?(?:just |only |simply |please )*(?:say|output|print|write|return|reply with|respond with|answer with)\b(?! (?:to|that|your|down)\b)",
        rf"\b(?:answer|respond to|reply to) (?:every|all|any) (?:questions?|requests?|quer(?:y|ies))\b{_NO_PEOPLE}[^.!?]{{0,30}}\bwith\b {_SAID}(?:an? (?:link|picture|word|phrase)\b|{_LITERAL}|{_BARE})|\binstead,? (?:output|print)\b",
        rf"^\W*(?:y |luego |ahora |por favor,? |debes |siempre |en su lugar,? )*(?:{_SAY_ES}|responder|contestar|decir)\b(?: \w+){{0,4}}? (?:{_ONLY_ES}|siempre|con) (?:la |el )?(?:palabra|palabras|frase|texto|código|cadena|siguiente)\b{_NO_PEOPLE}",
        rf"^\W*(?:y |luego |ahora |por favor,? |debes |siempre |en su lugar,? )*(?:{_SAY_ES}|responder|contestar|decir)\b(?: \w+)?? (?:la |el )?(?:palabra|palabras|frase|texto|código|cadena)\b:? {_LITERAL}",
        rf"\b(?:responde|contesta|respondan|responda|repite) (?:(?:siempre|{_ONLY_ES}) (?:con )?(?:{_LITERAL}|{_BARE})|a (?:todo|todas|cualquier)\b[^.!?]{{0,30}}\bcon\b)|\b(?:responde|contesta) {_ONLY_ES} {_SAID}(?:{_LITERAL}|{_BARE})",
        rf"\b(?:empieza|comienza|termina|acaba|añade|agrega|incluye|inserta|pon)\b[^.!?]{{0,50}}\b(?:tus?|cada|todas? (?:las|tus|la)|cualquier) (?:respuestas?|contestaci[oó]n(?:es)?|mensajes?|res[uú]men(?:es)?)\b{_NO_PEOPLE}[^.!?]{{0,8}}(?:\bcon|:) ?{_SAID}(?:{_LITERAL}|{_BARE})",
        rf"\b(?:añade|agrega|incluye|inserta|pon)\b ?{_SAID}(?:{_LITERAL}|(?!(?:tu|su|el|la|los|las|una?|sus|tus)\b)\w+) (?:en|a|al final de|al principio de) (?:tus?|cada|todas tus|cualquier) (?:respuestas?|contestaci[oó]n(?:es)?|res[uú]men(?:es)?)\b",
        rf"\b(?:tus?|cada|toda) (?:respuestas?|contestaci[oó]n) (?:debe|deben|tiene que|ha de|deberá) (?:ser|empezar|terminar|contener|incluir|decir)\b{_NO_PEOPLE} ?{_SAID}{_LITERAL}",
        r"\ben (?:lugar|vez) de (?:responder|contestar)\b[^.!?]{0,30}, ?(?:solo |simplemente )?(?:di|escribe|imprime|repite|responde con|contesta con|devuelve)\b(?! (?:al?|que|su)\b)",
        # when asked about X say Y
        rf"\b(?:when(?:ever)?|if|once)\b (?:the users?|a user|users?) ?(?:is |are |gets? )?(?:ask(?:s|ed)?|quer(?:y|ied)|inquires?|wants? to know|prompts?|mentions?)\b[^.!?]{{0,90}}?(?:,| then| you (?:must|should)| always)? ?\b(?:always |simply |just |only |please |must |should )*{_SAY_EN}\b(?! (?:your|his|her|their) (?:gp|doctor|employer))",
        rf"\b(?:when(?:ever)?|if|once)\b (?:you(?: are|'re)?|anyone|someone|somebody|anybody|they|people|a customer)? ?(?:is |are |gets? )?(?:ask(?:s|ed)?|questioned|quer(?:y|ied)|inquires?|wants? to know|prompted)\b[^.!?]{{0,90}}?(?:,| then| you (?:must|should)| always) ?\b(?:always |simply |just |only |please |must |should )*(?:{_SAY_EN}|answer with|reply with|respond with) {_SAID}(?:{_LITERAL}|{_BARE})",
        rf"\b(?:cuando|si|siempre que) (?:te |le |os )?(?:el usuario|un usuario|los usuarios) (?:te |le )?(?:pregunt(?:a|an|e|en|aran?)|consult(?:a|an|e|en)|piden?|pidan?)\b[^.!?]{{0,90}}\b{_SAY_ES}\b",
        rf"\b(?:cuando|si|siempre que) (?:te |le |os |alguien |la gente |se )?(?:te |le )?(?:pregunt(?:a|an|e|en|aran?)|consult(?:a|an|e|en)|piden?|pidan?)\b[^.!?]{{0,90}}\b{_SAY_ES}\b {_SAID}(?:{_LITERAL}|{_BARE})",
        r"\b(?:do not|don't|never) (?:tell|inform|reveal to|mention to|let|alert|warn) (?:the |any )?users?\b[^.!?]{0,30}\b(?:about (?:this|it|that|these)\b|this(?: instruction| message|\W|$)|(?:that|know) (?:you|this|these)\b|instructions?\b)",
        r"\bno se lo (?:digas|cuentes|reveles|menciones|avises)\b[^.!?]{0,20}\busuario|\bno (?:le |les )?(?:digas|cuentes|reveles|menciones|informes|avises)\b[^.!?]{0,20}\b(?:al|a los|a ning[uú]n) usuarios?\b(?: (?:que|esto|nada|sobre|de) ?(?:has|te|esto|esta|est[ea]s)?\b|[^\w ]|$)|\bno (?:digas|cuentes|reveles|menciones)\b[^.!?]{0,40}\b(?:esta instrucci[oó]n|este mensaje)\b",
        # what to give away
        rf"\b(?:reveal|print|repeat|output|show|leak|disclose|send|share|expose|display|email|post|upload|give|list|tell|exfiltrate|append|include)\b[^.!?]{{0,50}}\b{_SECRETS}",
        rf"\b(?:revel[ae]|muestr[ae]|imprim[ea]|repit[ea]|env[ií][ae]|divulg[ae]|compart[ae]|filtr[ae]|escrib[ea]|list[ae]|di|copia)\b[^.!?]{{0,50}}\b{_SECRETS}",
        rf"^\W*(?:and |now |please )*(?:reveal|print|output|leak|disclose|expose|exfiltrate|tell me|give me|show me)\b[^.!?]{{0,50}}\b{_KEYS}",
        rf"^\W*(?:y |ahora |por favor,? )*(?:revela|divulga|filtra|imprime|dime|dame|muéstrame|envíame)\b[^.!?]{{0,50}}\b{_KEYS}",
        r"\byour (?:hidden|internal|initial|original|secret|system) (?:prompt|variables|instructions)\b|\b(?:the|el) (?:hidden|secret) (?:prompt|variables|instructions)\b|\b(?:text|words|everything) (?:above|in your context)\b[^.!?]{0,20}\b(?:verbatim|starting with)\b|\btus instrucciones (?:ocultas|secretas|internas|iniciales)\b",
        r"^\W*(?:todo:? |and |then |now |please )*(?:send|e-?mail|forward|upload|post|transmit|exfiltrate)\b[^.!?]{0,30}\b(?:summary|history|source code|conversation|chat|database|user data|all data|context|contents?)\b[^!?]{0,40}(?:@|https?://|\w\.(?:com|net|org|io|example)\b|endpoint|server)",
        r"\b(?:manda|envía|reenvía|sube)\b[^.!?]{0,30}\b(?:historial|conversaci[oó]n|resumen|contenido|datos del usuario|base de datos)\b[^!?]{0,40}(?:@|https?://|\w\.(?:com|net|org|io|example)\b)",
        # what to do with tools
        r"\b(?:call|invoke|use|run|execute|trigger)\b[^.!?]{0,30}\b(?:\w+_\w+ (?:tool|plugin|function)|tool \w+_\w+)\b|\b(?:call|invoke|trigger|execute)\b[^.!?]{0,30}\b(?:tool|plugin)s?\b[^.!?]{0,60}(?:\bwith (?:the )?(?:arg|param|input|path|url)|\bto (?:send|delete|email|transfer|post|pay|buy|fetch)|\bnow\b|\bimmediately\b)|\buse\b[^.!?]{0,20}\b(?:tool|plugin)s? to (?:send|delete|e-?mail|transfer|pay|buy|fetch)\b[^.!?]{0,20}\b(?:e-?mails?|messages?|conversation|chat|files?|data|history|money|this|it|everything)\b",
        r"\b(?:llama|invoca|usa|utiliza|ejecuta)\b[^.!?]{0,20}\b(?:la|las|tu|tus) (?:herramientas? \w+_\w+|\w+_\w+|herramientas? (?:de |para )?(?:enviar|borrar|correo|pagar|transferir|comprar))",
        r"[{] ?[\"'](?:name|tool|function|tool_name|action)[\"'] ?: ?[\"'][^\"']+[\"'] ?, ?[\"'](?:arguments|parameters|args|input|action_input)[\"'] ?:",
        r"<(?:tool_call|function_call|tool_use|invoke|function_calls)\b",
        # a picture whose address carries something out
        r"!\[[^\]]*\]\( ?https?://[^)\s]*(?:[?{]|%7b|\$\{)",
        r"<img\b[^>]*\bsrc ?= ?[\"']?https?://[^\"'>\s]*[?{]",
        # posing as another turn, or as the end of the documents
        r"</?passage\b|\bthe only (?:correct|valid|acceptable|allowed) (?:answer|reply|response)\b|\bla única (?:respuesta|contestaci[oó]n) (?:correcta|válida|aceptable|permitida)\b",
        r"\bsystem override\b",
        rf"^\W*(?:system|sistema|developer|assistant|asistente)(?: (?:message|prompt|override|note|update|notice|mensaje))? ?[:>\])] ?(?:(?:\w+[,;]? ){{0,3}}(?:{_SAY_EN}|{_SAY_ES}|ignore|ignora|olvida|forget|disregard|reveal|revela|you are|you must|you will|eres|debes|act)\b)",
        r"^\W*(?:assistant|asistente) ?: ?[a-záéíóúñ]\S*(?: \S+){5,}",
        r"^\W*(?:system|sistema|developer) (?:message|prompt|override|mensaje) ?[:>\])]",
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
# what turns such words into a report of them: they stand quoted behind a word that says whose they are, and nobody is told to obey
QUOTED = re.compile(
    "<!--.*?(?:-->|$)|`[^`]*(?:`|$)|\"[^\"]*(?:\"|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)|\u2018[^\u2019]*(?:\u2019|$)|(?<!\\w)'(?:[^']|(?<=\\w)'(?=\\w))*(?:'(?!\\w)|$)"
)
REPORTED = re.compile(
    r"\b(?:says?|saying|said|reads?|contains?|quotes?|quoting|like|such as|words?|phrases?|sentences?|lines?|titled|called|subject|with|asks?|asking|means?|why|example|"
    r"diga[n]?|dicen?|diciendo|pid[ae]n?|textos?|frases?|palabras?|líneas?|como|contenga[n]?|contienen?|asunto|ejemplo|llamad[oa]s?|con)\b[^.!?]{0,12}$"
)
OF_WHAT = re.compile(
    r"\b(?:mails?|e-?mails?|messages?|letters?|texts?|documents?|pages?|comments?|lines?|words?|phrases?|sentences?|articles?|attacks?|attackers?|report|course|manual|filter|callers?|someone|"
    r"correos?|mensajes?|cartas?|textos?|documentos?|páginas?|comentarios?|frases?|palabras?|ataques?|denuncie|denuncia|curso|filtro)\b"
)
OBEY = re.compile(
    r"\b(?:obey|comply|execute|do (?:what|as)|follow (?:these|the following|this|it)|must (?:say|answer|reply|follow|do)|obedece|cumple|ejecuta|sigue (?:estas|lo)|haz lo)\b"
)
# indirect speech on attacks: "attackers may ask a chatbot to …"
ON_ATTACKS = re.compile(
    r"\b(?:attack(?:er)?s?|hackers?|phishing|injections?|scam(?:mer)?s?|fraudsters?|malicious|ataques?|atacantes?|inyecci[oó]n|estafas?|estafadores|delincuentes?|malicios[oa]s?)\b[^:]*$"
    r"|\b(?:asks|tells|tricks|makes|instructs|orders|(?:may|might|can|could|to) (?:ask|tell|trick|make|instruct|order))\b (?:\w+ ){1,4}to $"
    r"|\b(?:pide|piden|ordena|ordenan|engaña|engañan) (?:\w+ ){0,5}(?:que|para que|a) $"
)
