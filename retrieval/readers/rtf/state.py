"""What reading an RTF file keeps: the open groups, the text so far, and what each control word does to them."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from retrieval.readers.rtf.codes import (
    CHARSETS,
    HEADING,
    KEPT,
    NOTES,
    SIGNS,
    SKIPPED,
    SYMBOL_SIGNS,
    codec,
)
from retrieval.readers.table_text import row


@dataclass(slots=True)
class Group:
    """What holds within a pair of braces."""

    skipped: bool = False
    name: str = ""  # of the destination
    encoding: str = "cp1252"
    skip: int = 1  # how many characters stand after \u for readers without Unicode
    hidden: bool = False
    style: int = -1
    level: int = 0
    in_table: bool = False


class Aside(NamedTuple):
    """What was read before a note, box or margin that stands in its midst."""

    text: list[str]
    blocks: list[str]
    notes: list[str]
    cells: list[str]
    rows: list[str]


@dataclass
class Rtf:
    """What was read of a file so far, and the groups that are open."""

    encoding: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    title: str = ""
    groups: list[Group] = field(default_factory=lambda: [Group()])
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
    outer: list[Aside] = field(default_factory=list)
    margins: dict[str, None] = field(default_factory=dict)

    @property
    def now(self) -> Group:
        """Return the innermost group."""
        return self.groups[-1]

    def add(self, text: bytes) -> None:
        """Take bytes of text, but those that stand for a character already read."""
        gone = max(0, min(self.to_skip, len(text)))
        self.to_skip = max(0, self.to_skip) - gone
        self.octets += text[gone:]

    def flush(self) -> None:
        """Decode the bytes that came one by one: two of them can be one character."""
        if self.octets:
            text = self.octets.decode(self.now.encoding, errors="replace")
            self.octets.clear()
            self.put(text)

    def put(self, text: str) -> None:
        """Add text, unless it is hidden or no content."""
        if not self.now.skipped and not self.now.hidden:
            self.text.append(text)

    def take(self) -> str:
        """Return the text since the last end of a paragraph or cell."""
        text = "".join(self.text)
        self.text.clear()
        if not text.isascii():  # two \\u can be one character
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            text = text.translate(SYMBOL_SIGNS)
        return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()

    def end_paragraph(self) -> None:
        """Close a paragraph; within a cell it is a space."""
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
        """Close a row of a table, and the rows of a table within it."""
        line = row(self.cells)
        self.cells = []
        self.rows += [line] if line else []
        self.rows += self.inner
        self.inner = []

    def end_table(self) -> None:
        """Close a table: what comes is no row."""
        if self.cells:
            self.end_row()
        if self.rows:
            self.blocks.append("\n".join(self.rows))
            self.rows = []

    def open(self) -> None:
        """Open a group: what it changes ends with it."""
        self.flush()
        self.starred = False
        self.groups.append(replace(self.now, name=""))

    def close(self) -> None:
        """Close a group, and the text of its own that it may hold."""
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
        self.outer.append(Aside(self.text, self.blocks, self.notes, self.cells, self.rows))
        self.text, self.blocks, self.notes, self.cells, self.rows = [], [], [], [], []

    def _close_note(self, name: str) -> None:
        if not self.outer:
            return
        self.end_table()
        text = self.take()
        note = "\n".join([*self.blocks, *([text] if text else [])])
        self._resume()
        if name in ("footnote", "shptxt"):
            self.notes += [note] if note else []
        elif any(c.isalpha() for c in note):
            self.margins[note] = None

    def _resume(self) -> None:
        """Go on with the text that was set aside."""
        self.text, self.blocks, self.notes, self.cells, self.rows = self.outer.pop()

    def _close_entry(self, group: Group) -> None:
        text = self.take().rstrip(";")
        self._resume()
        if group.name == "title":
            self.title = text
            return
        match = HEADING.match(text)
        if group.level or match:
            number = (match.group(1) or match.group(2)) if match else "0"
            self.levels[group.style] = group.level or int(number)

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
        if word in ("f", "fcharset", "cpg", "ansicpg", "mac", "pc"):
            self._encode(word, value)
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

    def _encode(self, word: str, value: int) -> None:
        """Take over the encoding of the bytes after it, or of a font."""
        fonts = self._within("fonttbl")
        if word == "f":
            self.font = value
            if not fonts:
                self.now.encoding = self.fonts.get(value, self.encoding)
        elif word == "fcharset" and fonts:
            self.fonts[self.font] = CHARSETS.get(value, self.encoding)
        elif word == "cpg" and fonts:
            self.fonts[self.font] = codec(value)
        elif word in ("ansicpg", "mac", "pc"):
            encoding = {"mac": "mac_roman", "pc": "cp437"}.get(word) or codec(value)
            self.encoding = self.now.encoding = encoding

    def _within(self, name: str) -> bool:
        return any(group.name == name for group in self.groups)

    def plain(self) -> None:
        """Take back the format of the letters."""
        self.now.hidden = False

    def new_paragraph(self) -> None:
        """Take back the format of the paragraph."""
        self.now.level, self.now.style, self.now.in_table = 0, -1, False


def _step_cell(reader: Rtf, value: int) -> None:
    if not reader.now.skipped:
        reader.cells.append(" ".join([reader.take(), *reader.notes]).strip())
        reader.notes = []


def _step_nested_cell(reader: Rtf, value: int) -> None:
    if not reader.now.skipped:
        reader.nested.append(reader.take())


def _step_nested_row(reader: Rtf, value: int) -> None:
    line = row(reader.nested)
    reader.nested = []
    reader.inner += [line] if line else []


def _step_row(reader: Rtf, value: int) -> None:
    if not reader.now.skipped:
        reader.end_row()


def _step_table(reader: Rtf, value: int) -> None:
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
