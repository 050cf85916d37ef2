"""Bombs in PDF files, and pictures that call themselves so."""

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.retrieval.sandbox.bombs_archives import long_deflate

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
    b"/Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >> /Contents 4 0 R >>"
)
SHOW = b"BT /F1 12 Tf 72 720 Td (boom) Tj ET\n"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def flate(data: bytes, entries: bytes = b"") -> bytes:
    """Return a packed stream object."""
    return stream(zlib.compress(data, 9), b"/Filter /FlateDecode " + entries)


def pdf(path: Path, objects: Mapping[int, bytes], trailer: bytes = b"") -> Path:
    """Write a PDF of one page, its objects replaced or added to by those given."""
    all_objects = {1: CATALOG, 2: PAGES, 3: PAGE, 4: stream(SHOW), 5: FONT} | dict(objects)
    body, offsets = b"%PDF-1.7\n", {}
    parts = [body]
    place = len(body)
    for number, content in sorted(all_objects.items()):
        offsets[number] = place
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        place += len(parts[-1])
    size = max(offsets) + 1
    lines = [b"xref\n0 %d\n0000000000 65535 f \n" % size]
    lines += [
        b"%010d 00000 n \n" % offsets[n] if n in offsets else b"0000000000 00000 f \n"
        for n in range(1, size)
    ]
    end = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        trailer,
        place,
    )
    path.write_bytes(b"".join([*parts, *lines, end]))
    return path


def pdf_stream_of_10_gb(folder: Path) -> Path:
    data, _ = long_deflate(b"", SHOW, 10 * 1024)
    content = stream(b"\x78\xda" + data, b"/Filter /FlateDecode")
    return pdf(folder / "a.pdf", {4: content})


def pdf_stream_of_50_mb(folder: Path) -> Path:
    return pdf(folder / "b.pdf", {4: flate(SHOW * 1_400_000)})


def pdf_nested_filters(folder: Path) -> Path:
    data = bytes(100_000_000)
    for _ in range(12):
        data = zlib.compress(data, 9)
    return pdf(folder / "c.pdf", {4: stream(data, b"/Filter [%s]" % (b"/FlateDecode " * 12))})


def pdf_a_thousand_filters(folder: Path) -> Path:
    return pdf(folder / "d.pdf", {4: stream(SHOW, b"/Filter [%s]" % (b"/ASCIIHexDecode " * 1_000))})


def pdf_million_pages(folder: Path) -> Path:
    kids = b"3 0 R " * 1_000_000
    return pdf(folder / "e.pdf", {2: b"<< /Type /Pages /Kids [%s] /Count 1000000 >>" % kids})


def pdf_page_tree_cycle(folder: Path) -> Path:
    return pdf(folder / "f.pdf", {2: b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"})


def pdf_page_tree_of_two_to_the_thirty(folder: Path) -> Path:
    first = 10
    nodes = {
        first + i: b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R %d 0 R] /Count %d >>"
        % (first + i - 1, first + i + 1, first + i + 1, 2 ** (30 - i))
        for i in range(30)
    }
    top = b"<< /Type /Pages /Kids [10 0 R] /Count 1073741824 >>"
    return pdf(folder / "g.pdf", {2: top, first + 30: PAGE} | nodes)


def pdf_page_tree_hundred_thousand_deep(folder: Path) -> Path:
    count = 100_000
    nodes = {
        10 + i: b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (9 + i, 11 + i)
        for i in range(count)
    }
    top = b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>"
    return pdf(folder / "h.pdf", {2: top, 10 + count: PAGE} | nodes)


def pdf_object_stream_cycle(folder: Path) -> Path:
    inner = b"2 0 " + PAGES
    own = stream(inner, b"/Type /ObjStm /N 1 /First 4 /Extends 7 0 R")
    return pdf(folder / "i.pdf", {7: own, 8: stream(b"8 0 8 0 R", b"/Type /ObjStm /N 1 /First 4")})


def pdf_deep_array(folder: Path) -> Path:
    return pdf(folder / "j.pdf", {5: b"[" * 100_000 + b"]" * 100_000})


def pdf_deep_dictionary_in_a_page(folder: Path) -> Path:
    deep = b"<< /A " * 50_000 + b"1" + b" >>" * 50_000
    return pdf(folder / "k.pdf", {3: PAGE[:-2] + b"/Deep " + deep + b" >>"})


def pdf_huge_table(folder: Path) -> Path:
    path = folder / "l.pdf"
    path.write_bytes(
        b"%PDF-1.7\n1 0 obj\n" + CATALOG + b"\nendobj\nxref\n0 99999999\n0000000000 65535 f \n"
        b"trailer\n<< /Size 999999999 /Root 1 0 R >>\nstartxref\n61\n%%EOF\n"
    )
    return path


def pdf_huge_table_stream(folder: Path) -> Path:
    path = folder / "m.pdf"
    table = flate(
        bytes(7 * 5_000_000),
        b"/Type /XRef /W [1 4 2] /Size 2000000000 /Index [0 2000000000] /Root 1 0 R",
    )
    path.write_bytes(b"%PDF-1.7\n9 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF\n")
    return path


def pdf_table_cycle(folder: Path) -> Path:
    path = pdf(folder / "n.pdf", {}, trailer=b"/Prev 0000000000")
    data = path.read_bytes()
    start = data.rindex(b"xref\n0 ")
    path.write_bytes(data.replace(b"/Prev 0000000000", b"/Prev %010d" % start))
    return path


def pdf_of_broken_objects(folder: Path) -> Path:
    path = folder / "o.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"1 0 obj\n<< /A (" * 500_000 + b"startxref\n1\n%%EOF")
    return path


def pdf_giant_picture(folder: Path) -> Path:
    data, _ = long_deflate(b"", b"\xaa", 1_000)
    picture = stream(
        b"\x78\xda" + data,
        b"/Filter /FlateDecode /Type /XObject /Subtype /Image /Width 90000 /Height 90000 "
        b"/ColorSpace /DeviceGray /BitsPerComponent 1",
    )
    return pdf(folder / "p.pdf", {4: stream(b"q 612 0 0 792 0 0 cm /X Do Q"), 6: picture})


def pdf_giant_page(folder: Path) -> Path:
    page = PAGE.replace(b"612 792", b"99999999 99999999")
    small = stream(
        b"\xaa" * 128,
        b"/Type /XObject /Subtype /Image /Width 32 /Height 32 /ColorSpace /DeviceGray /BitsPerComponent 1",
    )
    return pdf(folder / "q.pdf", {3: page, 4: stream(b"9e7 0 0 9e7 0 0 cm /X Do"), 6: small})


def _picture(path: Path, filter_: bytes, parameters: bytes) -> Path:
    picture = stream(
        bytes(range(256)) * 400,
        b"/Filter /%s /DecodeParms << %s >> /Type /XObject /Subtype /Image /Width 30000 "
        b"/Height 30000 /ColorSpace /DeviceGray /BitsPerComponent 1" % (filter_, parameters),
    )
    return pdf(path, {4: stream(b"q 612 0 0 792 0 0 cm /X Do Q"), 6: picture})


def pdf_jbig2_nonsense(folder: Path) -> Path:
    return _picture(folder / "r.pdf", b"JBIG2Decode", b"")


def pdf_ccitt_nonsense(folder: Path) -> Path:
    return _picture(folder / "s.pdf", b"CCITTFaxDecode", b"/K -1 /Columns 2000000 /Rows 2000000")


def pdf_jpeg2000_nonsense(folder: Path) -> Path:
    return _picture(folder / "t.pdf", b"JPXDecode", b"")


def pdf_form_in_itself(folder: Path) -> Path:
    form = stream(
        b"/X Do " + SHOW,
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>",
    )
    return pdf(folder / "u.pdf", {4: stream(b"/X Do"), 6: form})


def pdf_forms_of_ten_billion(folder: Path) -> Path:
    forms = {
        6 + i: stream(
            b"/X Do " * 10 + SHOW,
            b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources "
            b"<< /Font << /F1 5 0 R >> /XObject << /X %d 0 R >> >>" % (7 + i),
        )
        for i in range(10)
    }
    last = stream(SHOW, b"/Type /XObject /Subtype /Form /BBox [0 0 612 792]")
    return pdf(folder / "v.pdf", {4: stream(b"/X Do " * 10), 16: last} | forms)


def pdf_character_map(folder: Path) -> Path:
    rows = b"1 beginbfrange\n<00000000> <FFFFFFFF> <0041>\nendbfrange\n" * 2_000
    table = b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange\n" + rows + b"endcmap"
    font = FONT[:-2] + b"/ToUnicode 7 0 R >>"
    return pdf(folder / "w.pdf", {5: font, 7: flate(table)})


def pdf_reference_chain(folder: Path) -> Path:
    chain = {10 + i: b"%d 0 R" % (11 + i) for i in range(100_000)}
    content = b"<< /Length 10 0 R >>\nstream\n" + SHOW + b"endstream"
    return pdf(folder / "x.pdf", {4: content, 100_010: b"%d" % len(SHOW)} | chain)


def pdf_outline_cycle(folder: Path) -> Path:
    item = b"<< /Title (boom) /Parent 7 0 R /Next 8 0 R /Prev 8 0 R /First 7 0 R /Last 8 0 R >>"
    outlines = b"<< /Type /Outlines /First 8 0 R /Last 8 0 R /Count 99999 >>"
    catalog = b"<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R >>"
    return pdf(folder / "y.pdf", {1: catalog, 7: outlines, 8: item})


def pdf_strings_left_open(folder: Path) -> Path:
    return pdf(folder / "z.pdf", {4: flate(b"BT /F1 12 Tf " + b"(" * 3_000_000)})


def pdf_million_annotations(folder: Path) -> Path:
    page = PAGE[:-2] + b"/Annots [%s] >>" % (b"7 0 R " * 1_000_000)
    note = b"<< /Type /Annot /Subtype /Text /Rect [0 0 1 1] /Contents (boom) >>"
    return pdf(folder / "aa.pdf", {3: page, 7: note})


def pdf_program_inside(folder: Path) -> Path:
    catalog = (
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> "
        b"/AA << /WC << /S /JavaScript /JS (while(1){}) >> >> >>"
    )
    return pdf(folder / "ab.pdf", {1: catalog})


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(path: Path) -> Path:
    data, _ = long_deflate(b"", b"\0", 2_000)
    header = struct.pack(">IIBBBBB", 200_000, 100_000, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"tEXt", b"a\0%PDF-1.7")
        + _chunk(b"zTXt", b"b\0\0" + b"\x78\xda" + data)
        + _chunk(b"IDAT", b"\x78\xda" + data)
        + _chunk(b"IEND", b"")
    )
    return path


def png_named_pdf(folder: Path) -> Path:
    return _png(folder / "picture.pdf")


def png_named_docx(folder: Path) -> Path:
    return _png(folder / "picture.docx")


def png_of_20_gigapixels(folder: Path) -> Path:
    return _png(folder / "picture.png")


PDFS: tuple[Callable[[Path], Path], ...] = (
    *(pdf_stream_of_10_gb, pdf_stream_of_50_mb, pdf_nested_filters, pdf_a_thousand_filters),
    *(pdf_million_pages, pdf_page_tree_cycle, pdf_page_tree_of_two_to_the_thirty),
    *(pdf_page_tree_hundred_thousand_deep, pdf_object_stream_cycle, pdf_deep_array),
    *(pdf_deep_dictionary_in_a_page, pdf_huge_table, pdf_huge_table_stream, pdf_table_cycle),
    *(pdf_of_broken_objects, pdf_giant_picture, pdf_giant_page, pdf_jbig2_nonsense),
    *(pdf_ccitt_nonsense, pdf_jpeg2000_nonsense, pdf_form_in_itself, pdf_forms_of_ten_billion),
    *(pdf_character_map, pdf_reference_chain, pdf_outline_cycle, pdf_strings_left_open),
    *(pdf_million_annotations, pdf_program_inside),
    *(png_named_pdf, png_named_docx, png_of_20_gigapixels),
)
