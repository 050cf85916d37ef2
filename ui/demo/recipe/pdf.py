"""Pages of text → a PDF file, in plain PDF 1.4 syntax with the built-in font Helvetica; the same bytes each time."""

import textwrap
from collections.abc import Sequence

WIDTH, HEIGHT = 595, 842  # A4 in points
MARGIN, SIZE, LEADING = 60, 11, 16
COLUMNS = 84  # characters of 11-point Helvetica that surely fit between the margins


def make_pdf(title: str, pages: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """Return a PDF with one page per (heading, paragraphs); characters beyond Windows-1252 raise `UnicodeEncodeError`."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode("ascii"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, (heading, paragraphs) in enumerate(pages):
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        drawing = _drawing(heading, paragraphs)
        bodies.append(page.encode("ascii"))
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing))
    bodies.append(b"<< /Title (%s) >>" % _escape(title))
    return _file(bodies)


def _drawing(heading: str, paragraphs: Sequence[str]) -> bytes:
    lines = [heading, ""]
    for paragraph in paragraphs:
        lines += [*textwrap.wrap(paragraph, COLUMNS, break_on_hyphens=False), ""]
    shown = b" T*\n".join(b"(%s) Tj" % _escape(line) for line in lines[:-1])
    start = HEIGHT - MARGIN
    return b"BT /F1 %d Tf %d TL %d %d Td\n%s\nET" % (SIZE, LEADING, MARGIN, start, shown)


def _escape(text: str) -> bytes:
    raw = text.encode("cp1252")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(bodies: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size, info = len(bodies) + 1, len(bodies)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (size, info)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)
