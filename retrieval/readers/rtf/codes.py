"""The words of RTF: what opens a text that is not content, what stands for a sign, and which encoding a number means.

Reference: Microsoft, Rich Text Format (RTF) Specification 1.9.1.
"""

import re

from retrieval.readers.encodings import SYMBOLS

SKIPPED = frozenset(
    ("colortbl", "pict", "fldinst", "themedata", "colorschememapping", "datastore", "listtable", "listoverridetable",
     "rsidtbl", "generator", "xmlnstbl", "bkmkstart", "bkmkend", "annotation", "atnid", "atnauthor", "atntime", "atndate",
     "atnref", "atnicn", "revtbl", "nonshppict", "nonesttables", "nesttableprops", "objdata", "objclass", "filetbl",
     "pgptbl", "mmathPr", "latentstyles", "sn", "sv", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "xe", "tc", "template",
     "wgrffmtfilter", "userprops", "docvar", "picprop", "blipuid", "levelnumbers", "leveltext", "panose", "falt",
     "fontemb", "company", "author", "operator", "subject", "keywords", "comment", "doccomm", "category", "manager",
     "hlinkbase", "private", "passwordhash", "ud", "pntxta", "pntxtb", "abiframeprops")
)  # fmt: skip
KEPT = frozenset(
    (
        "shpinst",
        "shptxt",
        "footnote",
        "shppict",
        "title",
        "pn",
        "pntext",
        "listtext",
        "result",
        "hl",
        "upr",
        "fldrslt",  # AbiWord writes it as if readers might skip it
    )
)
NOTES = (
    "footnote",
    "header",
    "headerl",
    "headerr",
    "headerf",
    "footer",
    "footerl",
    "footerr",
    "footerf",
    "shptxt",
)
SIGNS = {
    "tab": " ", "line": "\n", "emdash": "—", "endash": "\u2013", "bullet": "•", "lquote": "\u2018", "rquote": "\u2019",
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "lbr": "\n",
}  # fmt: skip
CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 255: "cp437",
}  # fmt: skip
SYMBOL_SIGNS = {int(code, 16): sign for code, sign in SYMBOLS.items()}
HEADING = re.compile(r"heading (\d)|(?:titre|überschrift|título|titulo) (\d)", re.IGNORECASE)


def codec(page: int) -> str:
    """Return the name of a code page's encoding; Windows-1252 for one that Python does not have."""
    name = {65001: "utf-8", 10000: "mac_roman", 932: "cp932", 936: "gbk", 0: "cp1252"}.get(
        page, f"cp{page}"
    )
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name
