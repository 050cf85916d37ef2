"""What stands on a page of a PDF, with its place: words, and the rules that tables are drawn with; by pdfium.

Places are points from the top left corner, as the page is shown. Not here: in which order words are read
(`retrieval.readers.pdf.columns`).
"""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2.raw as pdfium
from pypdfium2 import PdfPage

from retrieval.readers.pdf.lines import Rule, Word

MAX_OBJECTS = 20_000  # drawings beyond are charts and maps, not the rules of a table
MAX_DEPTH = 4  # forms within forms
THIN = 3.0  # points: a filled box no wider is a rule
SHORTEST_RULE = 4.0
SPACES = frozenset(" \t\r\n\xa0\u2002\u2003\u2009\u3000\0")
HYPHEN_AT_END = 0x02  # pdfium writes it for a hyphen that cuts a word at the end of a line
USUAL_HEIGHT = 12.0  # points
FLAT = 0.4  # a dash or dots: lower than this share of its line
TURNED = (0.6, 2.5)  # radians: text that runs upwards or downwards
_Box = tuple[float, float, float, float]  # left, top, right, bottom, as the page is shown


@dataclass(slots=True)
class PageContent:
    """The words of a page, its rules, and how much of it is pictures.

    `turned` are texts that run upwards or downwards, `unreadable` words whose font does not say which letters they are.
    """

    words: list[Word]
    turned: list[Word]
    unreadable: list[Word]
    rules: list[Rule]
    pictures: float  # share of the page that pictures cover, in [0, 1]
    drawings: int
    unmapped: float  # share of the characters that are in no word, or in an unreadable one


class _Frame:
    """Turns a page's own coordinates into those of the page as it is shown."""

    def __init__(self, page: PdfPage) -> None:
        left, bottom, right, top = page.get_cropbox(fallback_ok=True)
        self._box = (left, bottom, right, top)
        self._turn = page.get_rotation()
        self.area = max(1.0, abs(right - left) * abs(top - bottom))

    def place(self, x0: float, y0: float, x1: float, y1: float) -> "_Box":
        left, bottom, right, top = self._box
        if self._turn == 90:
            return (y0 - bottom, x0 - left, y1 - bottom, x1 - left)
        if self._turn == 180:
            return (right - x1, y0 - bottom, right - x0, y1 - bottom)
        if self._turn == 270:
            return (top - y1, right - x1, top - y0, right - x0)
        return (x0 - left, top - y1, x1 - left, top - y0)


def page_content(page: PdfPage) -> PageContent:
    """Return what stands on a page."""
    frame = _Frame(page)
    text_page = page.get_textpage()
    try:
        builder = _WordBuilder(frame, page.get_rotation() / 90)
        for index in range(text_page.count_chars()):
            builder.add(text_page.raw, index)
        builder.close()
    finally:
        text_page.close()
    rules: list[Rule] = []
    pictures, drawings = 0.0, 0
    for item, matrix in _objects(page):
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            x0, y0, x1, y1 = _bounds(item, matrix)
            pictures += abs(x1 - x0) * abs(y1 - y0) / frame.area
        elif kind == pdfium.FPDF_PAGEOBJ_PATH:
            drawings += 1
            rules += _rules(item, matrix, frame)
    return PageContent(
        builder.words, builder.turned, builder.unreadable, rules, min(1.0, pictures), drawings,
        builder.unmapped / max(1, builder.seen),
    )  # fmt: skip


class _WordBuilder:
    """Puts the characters of a page together to words, in the order in which pdfium has them."""

    def __init__(self, frame: _Frame, quarter_turns: float) -> None:
        self.words: list[Word] = []
        self.turned: list[Word] = []
        self.unreadable: list[Word] = []
        self.unmapped = 0
        self.seen = 0
        self._frame = frame
        self._quarter_turns = quarter_turns
        self._letters: list[str] = []
        self._lost = 0  # of the letters
        self._is_turned = False
        self._box = (0.0, 0.0, 0.0, 0.0)
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._loose = pdfium.FS_RECTF()

    def add(self, raw: pdfium.FPDF_TEXTPAGE, index: int) -> None:
        """Take in the next character."""
        code = pdfium.FPDFText_GetUnicode(raw, index)
        letter = "-" if code == HYPHEN_AT_END else chr(code) if code < 0x110000 else "\ufffd"
        if letter in SPACES:
            if not self._is_turned or letter in "\r\n":
                self.close()
            elif self._letters:
                self._letters.append(" ")
            return
        left, right, bottom, top = self._edges
        if not pdfium.FPDFText_GetCharBox(raw, index, left, right, bottom, top):
            return
        self.seen += 1
        private = letter == "\ufffd" or 0xE000 <= code < 0xF900
        lost = private or pdfium.FPDFText_HasUnicodeMapError(raw, index) == 1
        self.unmapped += lost
        box = self._frame.place(left.value, bottom.value, right.value, top.value)
        turned = _is_turned(pdfium.FPDFText_GetCharAngle(raw, index), self._quarter_turns)
        if turned != self._is_turned or (self._letters and self._jumps(box)):
            self.close()
        self._is_turned = turned
        self._join(letter, box if turned else self._raised(raw, index, box))
        self._lost += lost

    def close(self) -> None:
        """End the word."""
        text = "".join(self._letters).strip()
        if text:
            word = Word(text, *self._box)
            lost = self._lost * 2 > len(text)
            (self.unreadable if lost else self.turned if self._is_turned else self.words).append(
                word
            )
        self._letters.clear()
        self._lost = 0

    def _join(self, letter: str, box: _Box) -> None:
        if self._letters:
            (a, b, c, d), (x0, y0, x1, y1) = self._box, box
            box = (min(a, x0), min(b, y0), max(c, x1), max(d, y1))
        self._box = box
        self._letters.append(letter)

    def _jumps(self, box: _Box) -> bool:
        """Say whether a character is not the next one: pdfium has put no space between, but it stands elsewhere."""
        (a, b, c, d), (x0, y0, x1, y1) = self._box, box
        if self._is_turned:
            width = max(c - a, x1 - x0, 1.0)
            return x1 < a - 0.3 * width or x0 > c + 0.3 * width
        height = max(d - b, y1 - y0, 1.0)
        off = y1 < b - 0.3 * height or y0 > d + 0.3 * height
        return off or x0 > c + height or x1 < a - height

    def _raised(self, raw: pdfium.FPDF_TEXTPAGE, index: int, box: _Box) -> _Box:
        """Return the box of a dash or a dot as high as its line, so that it stands on the line of its neighbours."""
        line = self._box[3] - self._box[1] if self._letters else USUAL_HEIGHT
        if box[3] - box[1] >= FLAT * max(1.0, line):
            return box
        loose = self._loose
        pdfium.FPDFText_GetLooseCharBox(raw, index, loose)
        _, top, _, bottom = self._frame.place(loose.left, loose.bottom, loose.right, loose.top)
        if bottom - top > 4 * max(USUAL_HEIGHT, line):
            return box
        return (box[0], top + (bottom - top) / 4, box[2], bottom - (bottom - top) / 4)


def _is_turned(angle: float, quarter_turns: float) -> bool:
    """Say whether a character does not stand upright on the page as it is shown; `angle` is -1 where pdfium has none."""
    if angle < 0:
        return False
    shown = (angle - quarter_turns * math.pi / 2) % math.tau
    return TURNED[0] < shown < TURNED[1] or TURNED[0] < math.tau - shown < TURNED[1]


_Matrix = tuple[float, float, float, float, float, float]


def _objects(page: PdfPage) -> Iterator[tuple[pdfium.FPDF_PAGEOBJECT, _Matrix]]:
    """Yield the page's objects, and those within its forms with the matrix that puts them onto the page."""
    upright: _Matrix = (1, 0, 0, 1, 0, 0)
    todo = [
        (pdfium.FPDFPage_GetObject(page.raw, i), upright, 0)
        for i in range(min(MAX_OBJECTS, pdfium.FPDFPage_CountObjects(page.raw)))
    ]
    seen = 0
    while todo and seen < MAX_OBJECTS:
        item, matrix, depth = todo.pop()
        seen += 1
        if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_FORM:
            yield item, matrix
        elif depth < MAX_DEPTH:
            inner = _times(_matrix(item), matrix)
            count = min(MAX_OBJECTS, pdfium.FPDFFormObj_CountObjects(item))
            todo += [
                (pdfium.FPDFFormObj_GetObject(item, i), inner, depth + 1) for i in range(count)
            ]


def _matrix(item: pdfium.FPDF_PAGEOBJECT) -> _Matrix:
    raw = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, raw):
        return (1, 0, 0, 1, 0, 0)
    return (raw.a, raw.b, raw.c, raw.d, raw.e, raw.f)


def _times(first: _Matrix, then: _Matrix) -> _Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u
    )  # fmt: skip


def _apply(matrix: _Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _bounds(item: pdfium.FPDF_PAGEOBJECT, matrix: _Matrix) -> tuple[float, float, float, float]:
    edges = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(item, *edges):
        return (0.0, 0.0, 0.0, 0.0)
    x0, y0, x1, y1 = (edge.value for edge in edges)
    (ax, ay), (bx, by) = _apply(matrix, x0, y0), _apply(matrix, x1, y1)
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _rules(item: pdfium.FPDF_PAGEOBJECT, matrix: _Matrix, frame: _Frame) -> list[Rule]:
    """Return the level and upright lines of a path; a thin filled box is one line, a stroked box is four."""
    x0, y0, x1, y1 = _bounds(item, matrix)
    if min(x1 - x0, y1 - y0) <= THIN:
        if max(x1 - x0, y1 - y0) < SHORTEST_RULE:
            return []
        return [Rule(*frame.place(x0, y0, x1, y1))]
    whole = _times(_matrix(item), matrix)
    rules: list[Rule] = []
    start = last = (0.0, 0.0)
    for i in range(min(MAX_OBJECTS, pdfium.FPDFPath_CountSegments(item))):
        segment = pdfium.FPDFPath_GetPathSegment(item, i)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        x, y = ctypes.c_float(), ctypes.c_float()
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = _apply(whole, x.value, y.value)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            rules += _line(last, point, frame)
        last = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            rules += _line(last, start, frame)
            last = start
    return rules


def _line(a: tuple[float, float], b: tuple[float, float], frame: _Frame) -> list[Rule]:
    width, height = abs(a[0] - b[0]), abs(a[1] - b[1])
    if min(width, height) > 1.0 or max(width, height) < SHORTEST_RULE:
        return []
    box = (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
    return [Rule(*frame.place(*box))]
