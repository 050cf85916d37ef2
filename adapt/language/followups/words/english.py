"""The English words by which follow-up questions are recognised."""

import re

from adapt.language.followups.words.table import Words, word_set

_EN_BASE = (
    "accept allow answer apply arrive ask become begin belong block book borrow bring build buy call cancel "
    "carry cause "
    "change charge check choose close collect come connect contain contact cost cover create deliver design "
    "die do drive "
    "earn eat employ end exist expire fit fix found get give go grow happen have heat help hire hold include "
    "install invent "
    "join keep know last lead leave lend live lose make manage mean measure meet miss move need offer open "
    "operate order "
    "own park pay pick play produce publish pull push put reach read receive register renew rent repair "
    "replace report request "
    "require reset restart return ride rise run say sell send serve ship sit sleep speak spend stand start "
    "stay stop store "
    "study support switch take teach tell turn unlock use visit wait want wash watch wear weigh win work write"
)
ENGLISH_PAST = word_set(
    "became began bought broke brought built came chose died did drove found gave got went grew had held kept "
    "knew led left "
    "lent lost made meant met paid put ran read rose said sold sent spoke spent stood taught told took won "
    "wore wrote born "
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
    determiners=word_set(
        "the a an my our your some any no every each another all both this that these those"
    ),
    definite=word_set("the my our your"),
    demonstratives=word_set("this that these those"),
    prepositions=word_set(
        "of in on at for from to with without by about into over under behind after before between during until till "
        "since near through per than within beside against around as like off up down out"
    ),
    complement=word_set("of for"),
    auxiliaries=word_set(
        "is are was were be been being am do does did can could will would shall should may might must has "
        "have had isn't "
        "aren't wasn't don't doesn't didn't can't won't couldn't shouldn't what's who's where's when's how's "
        "that's there's "
        "it's let"
    ),
    verbs=_english_verbs(),
    asking=word_set(
        "what who whom whose which when where why how what's who's where's when's how's whats wheres"
    ),
    joining=word_set("and or but if because when while that so unless whether"),
    persons=word_set(
        "i me mine we us ours you yours i'm i'd i've we're you're myself someone somebody anyone anything something "
        "everyone nothing"
    ),
    things=word_set("it they them it's they're itself themselves"),
    people=word_set("he she him he's she's himself herself"),
    possessives=word_set("its his her their theirs hers"),
    places=word_set("there"),
    plural=word_set("they them their theirs these those they're themselves"),
    fillers=word_set(
        "not also too very much many more most less least long far often soon early late then now today still "
        "again else "
        "only just even please ok okay so there here open closed free included available allowed possible "
        "required needed "
        "necessary valid expensive cheap cheaper cheapest better best faster slower bigger larger smaller "
        "heavier lighter "
        "longer shorter older newer high tall big large old heavy wide deep fast quickly quick exactly "
        "normally usually "
        "already ever never away yes no"
    ),
    attributes=word_set(
        "price prices cost costs fee fees weight size length width height depth speed capacity colour color warranty "
        "guarantee address email phone telephone maker manufacturer deadline duration age rate rates hours timetable "
        "schedule limit minimum maximum name range temperature power purpose population area distance salary deposit "
        "discount delivery shipping"
    ),
    roles=word_set(
        "director owner author head manager engineer mayor boss chief president founder leader teacher "
        "designer architect "
        "secretary captain librarian dentist doctor"
    ),
    measures=word_set(
        "time times day days week weeks month months year years hour hours minute minutes euro euros dollars "
        "pounds money "
        "number numbers amount kind kinds type sort thing things way place one ones part percent metres meters kilos "
        "kilograms grams people same other others"
    ),
    times=word_set(
        "monday mondays tuesday tuesdays wednesday wednesdays thursday thursdays friday fridays saturday "
        "saturdays sunday "
        "sundays weekday weekdays weekend weekends january february march april june july august september october "
        "november december spring summer autumn winter morning mornings afternoon afternoons evening evenings "
        "night nights "
        "noon midnight tomorrow yesterday today tonight holiday holidays christmas easter week year month"
    ),
    elliptic=word_set("one ones"),
    leading=re.compile(
        r"^(?:(?:ok(?:ay)?|thanks|thank you|great|right|well|hm+|oh|ah|yes|no)\b[,.! ]*)?"
        r"(?:and (?:what|how) about|what about|how about|and|or|but|also|then|so)\b[,: ]*",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^(?:(?:no|sorry|oh|ah|wait|oops|hm+|excuse me|my mistake|no sorry|sorry no)\b[,.! ]*)*"
        r"(?:i (?:actually |really )?(?:meant|mean)(?: to (?:say|ask))?|i was asking(?: about)?|"
        r"i wanted to (?:know|ask))"
        r"\b[,: ]*",
        re.IGNORECASE,
    ),
    refusal=re.compile(
        r"^(?:(?:no|sorry|wait|not that(?: one)?)[,.!]+ *)+|^not [^,]+, *(?:but )?", re.IGNORECASE
    ),
    comparison=re.compile(
        r"\bwhich(?: one| ones| of (?:them|these|those|the two|both))?(?: (?:is|are|was|costs?|has|lasts?|"
        r"weighs?|opens?|closes?))?"
        r" (?:the )?(?:(?:cheap|fast|slow|larg|small|bigg|heavi|light|long|short|old|new|strong|high|low|earli|"
        r"lat|near|clos|"
        r"safe|simpl|quick)e?(?:r|st)|more|most|less|least|better|best|worse|worst|first|last)\b|"
        r"\bwhich (?:ones?|of (?:them|these|those|the two|both))\b|"
        r"\bthe difference between (?:them|these|those|the two)\b",
        re.IGNORECASE,
    ),
    condition=re.compile(r"^(?:what )?(?:if|when|unless)\b", re.IGNORECASE),
    wish=re.compile(
        r"^(?:please )?(?:i|we|my|our|i'm|i'd|i've|keep|make|answer|reply|use|write|put|be|call|don't|always|never|no)\b",
        re.IGNORECASE,
    ),
    talk=re.compile(
        r"^\W*(?:(?:that|this|it)(?: is|'s| was| isn't| wasn't)(?: not)? (?:all )?(?:wrong|right|correct|true|false|it)|"
        r"(?:you are|you're) (?:wrong|right)|hi|hello|hey|good (?:morning|afternoon|evening|night)|"
        r"thanks?(?: you)?(?: (?:very|so) much)?|"
        r"thanks a lot|ok(?:ay)?|great|perfect|cool|nice|bye|goodbye|see you|yes|no|sure|got it|i see|wow|never mind|"
        r"(?:that|this) (?:was|is) (?:very )?(?:helpful|useful|great|good)|how are you|who are you|what are you|"
        r"what can you do|good|(?:thanks|thank you|ok)[,! ]+(?:that (?:was|is) (?:very )?(?:helpful|great|good)|"
        r"great|perfect|got it|bye))\W*$",
        re.IGNORECASE,
    ),
)
