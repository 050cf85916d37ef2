"""RTF: the text with its headings and tables; pictures, hidden and deleted text, comments and field codes are left out.

Reference: Microsoft, Rich Text Format (RTF) Specification 1.9.1.
"""

import re
from dataclasses import dataclass, field, replace

from adapt.records import Page
from retrieval.encodings import clean
from retrieval.reading import RawFile, Reading
from retrieval.rows import row

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)", re.DOTALL
)
SKIPPED = frozenset(
    ("colortbl", "pict", "fldinst", "themedata", "colorschememapping", "datastore", "listtable", "listoverridetable",
     "rsidtbl", "generator", "xmlnstbl", "bkmkstart", "bkmkend", "annotation", "atnid", "atnauthor", "atntime", "atndate",
     "atnref", "atnicn", "revtbl", "nonshppict", "nonesttables", "nesttableprops", "objdata", "objclass", "filetbl",
     "pgptbl", "mmathPr", "latentstyles", "sn", "sv", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "xe", "tc", "template",
     "wgrffmtfilter", "userprops", "docvar", "picprop", "blipuid", "levelnumbers", "leveltext", "panose", "falt",
     "fontemb", "company", "author", "operator", "subject", "keywords", "comment", "doccomm", "category", "manager",
     "hlinkbase", "private", "passwordhash", "ud")
)  # fmt: skip
KEPT = frozenset(("shpinst", "shptxt", "footnote", "shppict", "title", "pn", "pntext", "listtext", "result", "hl", "upr"))
NOTES = ("footnote", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "shptxt")
SIGNS = {
    "tab": " ", "line": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "\u2018", "rquote": "\u2019",
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "lbr": "\n",
}  # fmt: skip
CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 255: "cp437",
}  # fmt: skip
HEADING = re.compile(r"heading (\d)|(?:titre|überschrift|título|titulo) (\d)", re.IGNORECASE)
MAX_DEPTH = 2_000


@dataclass(slots=True)
class _Group:
    """What holds within a pair of braces."""

    skipped: bool = False
    name: str = ""  # of the destination
    encoding: str = "cp1252"
    skip: int = 1  # how many characters stand after \u for readers without Unicode
    hidden: bool = False
    style: int = -1
    level: int = 0
    in_table: bool = False


@dataclass
class _Reader:
    encoding: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    title: str = ""
    groups: list[_Group] = field(default_factory=lambda: [_Group()])
    font: int = 0
    starred: bool = False
    to_skip: int = 0
    octets: bytearray = field(default_factory=bytearray)
    text: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)  # rows of a table within a cell
    rows: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outer: list[tuple[list[str], list[str], list[str]]] = field(default_factory=list)
    margins: dict[str, None] = field(default_factory=dict)

    @property
    def now(self) -> _Group:
        return self.groups[-1]

    def flush(self) -> None:
        """Decode the bytes that came one by one: two of them can be one character."""
        if self.octets:
            text = self.octets.decode(self.now.encoding, errors="replace")
            self.octets.clear()
            self.put(text)

    def put(self, text: str) -> None:
        if not self.now.skipped and not self.now.hidden:
            self.text.append(text)

    def take(self) -> str:
        """Return the text since the last end of a paragraph or cell."""
        text = "".join(self.text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.text.clear()
        return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()

    def end_paragraph(self) -> None:
        if self.now.skipped:
            return
        if self.now.in_table and not self.outer:
            self.text.append(" ")  # a paragraph within a cell
            return
        self.end_table()
        text = self.take()
        level = self.now.level or self.levels.get(self.now.style, 0)
        if text:
            self.blocks.append(f"{'#' * min(6, level)} {' '.join(text.split())}" if level else text)
        self.blocks += self.notes
        self.notes = []

    def end_row(self) -> None:
        line = row(self.cells)
        self.cells = []
        self.rows += [line] if line else []
        self.rows += self.inner
        self.inner = []

    def end_table(self) -> None:
        if self.cells:
            self.end_row()
        if self.rows:
            self.blocks.append("\n".join(self.rows))
            self.rows = []

    def open(self) -> None:
        self.flush()
        self.starred = False
        self.groups.append(replace(self.now, name=""))

    def close(self) -> None:
        self.flush()
        group = self.now
        if group.name in NOTES and not group.skipped:
            self._close_note(group.name)
        elif group.name in ("title", "stylesheet entry") and self.outer:
            self._close_entry(group)
        if len(self.groups) > 1:
            self.groups.pop()

    def begin(self, name: str) -> None:
        """Set the text so far aside; what follows is another text."""
        self.now.name = name
        self.outer.append((self.text, self.blocks, self.notes))
        self.text, self.blocks, self.notes = [], [], []

    def _close_note(self, name: str) -> None:
        if not self.outer:
            return
        text = self.take()
        found = "\n".join([*self.blocks, *([text] if text else [])])
        self.text, self.blocks, self.notes = self.outer.pop()
        if name in ("footnote", "shptxt"):
            self.notes += [found] if found else []
        elif any(c.isalpha() for c in found):
            self.margins[found] = None

    def _close_entry(self, group: _Group) -> None:
        text = self.take().rstrip(";")
        self.text, self.blocks, self.notes = self.outer.pop()
        if group.name == "title":
            self.title = text
        elif group.level or (found := HEADING.match(text)):
            self.levels[group.style] = group.level or int(found.group(1) or found.group(2))

    def control(self, word: str, number: int | None) -> None:
        """Obey one control word."""
        self.flush()
        starred, self.starred = self.starred, False
        value = number or 0
        if word in SIGNS:
            self.put(SIGNS[word])
        elif word in SKIPPED or (starred and word not in KEPT):
            self.now.skipped = True
        elif word in STEPS:
            STEPS[word](self, value if number is not None else 1)
        elif word in NOTES and not self.now.skipped:
            self.begin(word)
        elif word == "title" and not self.now.skipped:
            self.begin("title")
        elif word == "u":
            self.put(chr(value % 65536))
            self.to_skip = self.now.skip
        else:
            self._format(word, number)

    def _format(self, word: str, number: int | None) -> None:
        """Take over what a control word says of the text after it."""
        value, group = number or 0, self.now
        if word == "f":
            self.font = value
            if self._within("fonttbl"):
                return
            group.encoding = self.fonts.get(value, self.encoding)
        elif word in ("fcharset", "cpg") and self._within("fonttbl"):
            self.fonts[self.font] = CHARSETS.get(value, self.encoding) if word == "fcharset" else _codec(value)
        elif word == "ansicpg":
            self.encoding = group.encoding = _codec(value)
        elif word in ("mac", "pc"):
            self.encoding = group.encoding = "mac_roman" if word == "mac" else "cp437"
        elif word == "uc":
            group.skip = value
        elif word in ("v", "deleted"):
            group.hidden = number != 0
        elif word in ("fonttbl", "stylesheet"):
            group.name, group.skipped = word, True
        elif word == "s":
            group.style = value
            if self._within("stylesheet") and group.name != "stylesheet entry":
                group.skipped = False
                self.begin("stylesheet entry")
        elif word == "outlinelevel":
            group.level = value + 1 if 0 <= value < 9 else 0

    def _within(self, name: str) -> bool:
        return any(group.name == name for group in self.groups)

    def plain(self) -> None:
        self.now.hidden = False

    def new_paragraph(self) -> None:
        self.now.level, self.now.style, self.now.in_table = 0, -1, False


def _step_cell(reader: _Reader, value: int) -> None:
    if not reader.now.skipped:
        reader.cells.append(" ".join([reader.take(), *reader.notes]).strip())
        reader.notes = []


def _step_nested_cell(reader: _Reader, value: int) -> None:
    if not reader.now.skipped:
        reader.nested.append(reader.take())


def _step_nested_row(reader: _Reader, value: int) -> None:
    line = row(reader.nested)
    reader.nested = []
    reader.inner += [line] if line else []


def _step_row(reader: _Reader, value: int) -> None:
    if not reader.now.skipped:
        reader.end_row()


def _step_table(reader: _Reader, value: int) -> None:
    reader.now.in_table = True


STEPS = {
    "par": lambda reader, _: reader.end_paragraph(),
    "sect": lambda reader, _: reader.end_paragraph(),
    "page": lambda reader, _: reader.end_paragraph(),
    "pard": lambda reader, _: reader.new_paragraph(),
    "plain": lambda reader, _: reader.plain(),
    "cell": _step_cell,
    "nestcell": _step_nested_cell,
    "nestrow": _step_nested_row,
    "row": _step_row,
    "intbl": _step_table,
}


def _codec(page: int) -> str:
    name = {65001: "utf-8", 10000: "mac_roman", 932: "cp932", 936: "gbk", 0: "cp1252"}.get(page, f"cp{page}")
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name


def read_rtf(raw: RawFile) -> Reading:
    """Return an RTF file as one page of Markdown.

    Raises:
        DataError: its braces are nested too deep.
    """
    reader = _Reader()
    data, at = raw.data, 0
    while at < len(data):
        token = TOKEN.match(data, at)
        if token is None:
            break  # a lone backslash at the end
        at = token.end()
        word, number, octet, sign, brace, text = token.groups()
        if brace:
            reader.to_skip = 0
            reader.open() if brace == b"{" else reader.close()
            if len(reader.groups) > MAX_DEPTH:
                raise raw.damaged("RTF file", "its braces are nested too deep")
        elif word == b"bin":
            at += max(0, int(number or 0))
        elif word:
            reader.to_skip = 0
            reader.control(word.decode("ascii"), int(number) if number else None)
        elif octet:
            reader.to_skip -= 1
            if reader.to_skip < 0:
                reader.octets.append(int(octet, 16))
        elif text:
            gone = max(0, min(reader.to_skip, len(text)))
            reader.to_skip = max(0, reader.to_skip) - gone
            reader.octets += text[gone:]
        elif sign:
            _sign(reader, sign)
    reader.flush()
    while len(reader.groups) > 1:
        reader.close()  # a file that was cut off
    reader.now.in_table = False
    reader.end_paragraph()
    text = clean("\n\n".join([*reader.margins, *reader.blocks]))
    return Reading([Page(text, form="markdown")], clean(reader.title))


def _sign(reader: _Reader, sign: bytes) -> None:
    if sign == b"*":
        reader.starred = True
        return
    reader.flush()
    if sign in (b"\r", b"\n"):
        reader.end_paragraph()
    else:
        reader.put({b"~": " ", b"_": "-", b"-": ""}.get(sign, sign.decode("latin-1") if sign in b"\\{}" else ""))
