"""Bombs in ZIP files and in the formats that are ZIP files, and packed streams."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

GB = 1 << 30
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
TYPES = (
    f'{XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>{}</Types>'
)
RELATIONS = (
    f'{XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    "{}</Relationships>"
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def long_deflate(start: bytes, piece: bytes, times: int) -> tuple[bytes, int]:
    """Return a raw deflate stream of `start` and `times` times 1 MB of `piece`, and the size that it unpacks to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = piece * ((1 << 20) // len(piece))
    body = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + body * times + packer.flush(), len(start) + len(block) * times


def raw_zip(members: list[tuple[bytes, bytes, int]], declared: int | None = None) -> bytes:
    """Return a ZIP file of (name, raw deflate stream, unpacked size); sizes may be made wrong.

    Checksums are right for members of up to 1 MB; those of the long ones are only known to who has unpacked them all.
    """
    body, directory = io.BytesIO(), b""
    for name, data, real in members:
        checksum = _checksum(data) if real <= 1 << 20 else 0
        size = min(real if declared is None else declared, 0xFFFFFFFF)
        offset = body.tell()
        fields = struct.pack("<HHHHH", 20, 0, 8, 0, 33)
        fields += struct.pack("<IIIHH", checksum, len(data), size, len(name), 0)
        body.write(b"PK\3\4" + fields + name + data)
        rest = struct.pack("<HHHII", 0, 0, 0, 0, offset)
        directory += b"PK\1\2" + struct.pack("<H", 20) + fields + rest + name
    return body.getvalue() + directory + end_of_zip(len(members), len(directory), body.tell())


@cache
def _checksum(data: bytes) -> int:
    return zlib.crc32(zlib.decompress(data, -15))


def end_of_zip(count: int, size: int, offset: int) -> bytes:
    """Return the end of a ZIP file."""
    return b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, size, offset, 0)


def zipped(path: Path, members: dict[str, str | bytes]) -> Path:
    """Write an honest ZIP file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def with_stream(path: Path, members: dict[str, str], name: str, start: str, piece: str) -> Path:
    """Write a ZIP file of small members and one that unpacks to 10 GB."""
    parts = [(n.encode(), *long_deflate(c.encode(), b" ", 0)) for n, c in members.items()]
    huge = long_deflate(start.encode(), piece.encode(), 10 * 1024)
    path.write_bytes(raw_zip([*parts, (name.encode(), *huge)]))
    return path


def office(kind: str, target: str, content_type: str) -> dict[str, str]:
    """Return the parts around the main part of a Word, Excel or PowerPoint file."""
    main = f"application/vnd.openxmlformats-officedocument.{content_type}.main+xml"
    return {
        "[Content_Types].xml": TYPES.format(
            f'<Override PartName="/{target}" ContentType="{main}"/>'
        ),
        "_rels/.rels": RELATIONS.format(
            f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="{target}"/>'
        ),
        f"{kind}/_rels/{target.rpartition('/')[2]}.rels": RELATIONS.format(
            f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
            f'<Relationship Id="rId3" Type="{OFFICE}/slide" Target="slides/slide1.xml"/>'
        ),
    }


WORD = office("word", "word/document.xml", "wordprocessingml.document")
EXCEL = office("xl", "xl/workbook.xml", "spreadsheetml.sheet") | {
    "xl/workbook.xml": f'{XML}<workbook {S} xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>'
}
POWERPOINT = office("ppt", "ppt/presentation.xml", "presentationml.presentation") | {
    "ppt/presentation.xml": f'{XML}<p:presentation xmlns:r="{OFFICE}" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
    '<p:sldIdLst><p:sldId id="256" r:id="rId3"/></p:sldIdLst></p:presentation>'
}
PARAGRAPH = "<w:p><w:r><w:t>boom</w:t></w:r></w:p>"
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


def word(path: Path, body: str, doctype: str = "") -> Path:
    """Write a Word file with this body."""
    text = f"{XML}{doctype}<w:document {W}><w:body>{body}</w:body></w:document>"
    return zipped(path, WORD | {"word/document.xml": text})


def zip_of_10_gb(folder: Path) -> Path:
    return with_stream(folder / "a.zip", {}, "a.txt", "", "boom ")


def zip_nested_ten_by_ten(folder: Path) -> Path:
    data, name = long_deflate(b"", b"boom ", 10), "a.txt"
    inner = raw_zip([(name.encode(), *data)])
    for _ in range(6):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for i in range(10):
                file.writestr(f"{i}.zip", inner)
        inner = buffer.getvalue()
    path = folder / "nested.zip"
    path.write_bytes(inner)
    return path


def zip_thousand_deep(folder: Path) -> Path:
    inner = b"boom"
    for i in range(1_000):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("a.zip" if i else "a.txt", inner)
        inner = buffer.getvalue()
    path = folder / "deep.zip"
    path.write_bytes(inner)
    return path


def zip_overlapping_members(folder: Path) -> Path:
    """Write ten thousand members that share one stream (after D. Fifield, 2019)."""
    data, size = long_deflate(b"", b"boom ", 100)
    name = b"a.txt"
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(data), size, len(name), 0)
    local = b"PK\3\4" + fields + name + data
    entries = []
    for i in range(10_000):
        own = b"%04d.txt" % i
        head = fields[:-4] + struct.pack("<HH", len(own), 0)
        entries.append(
            b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + own
        )
    directory = b"".join(entries)
    path = folder / "overlap.zip"
    path.write_bytes(local + directory + end_of_zip(len(entries), len(directory), len(local)))
    return path


def zip_million_members(folder: Path) -> Path:
    count = 1_000_000
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, 5, 0)
    local = b"PK\3\4" + fields + b"a.txt"
    head = b"PK\1\2" + struct.pack("<H", 20) + fields[:-4] + struct.pack("<HH", 11, 0)
    head += struct.pack("<HHHII", 0, 0, 0, 0, 0)
    directory = b"".join(b"%s%07d.txt" % (head, i) for i in range(count))
    end = len(local) + len(directory)
    tail = b"PK\6\6" + struct.pack(
        "<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), len(local)
    )
    tail += b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    path = folder / "million.zip"
    path.write_bytes(local + directory + tail + end_of_zip(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    return path


def zip_wrong_size(folder: Path) -> Path:
    path = folder / "small.zip"
    path.write_bytes(raw_zip([(b"a.txt", *long_deflate(b"", b"boom ", 2_000))], declared=10))
    return path


def zip_that_claims_4_gb(folder: Path) -> Path:
    path = folder / "claims.zip"
    path.write_bytes(raw_zip([(b"a.txt", *long_deflate(b"", b"boom ", 1))], declared=0xFFFFFFFE))
    return path


def zip_encrypted(folder: Path) -> Path:
    path = zipped(folder / "locked.zip", {"a.txt": "boom"})
    data = bytearray(path.read_bytes())
    for magic, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + place] |= 1
    path.write_bytes(data)
    return path


def zip_climbing_out(folder: Path) -> Path:
    names = ("../evil.txt", "/tmp/adapt-evil.txt", "..\\evil.txt", "C:\\evil.txt", "a/../../evil")  # noqa: S108
    return zipped(folder / "climb.zip", dict.fromkeys(names, "boom"))


def zip_with_link(folder: Path) -> Path:
    path = folder / "link.zip"
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("passwords.txt")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    return path


def zip_of_one_name(folder: Path) -> Path:
    path = folder / "same.zip"
    path.write_bytes(raw_zip([(b"a.txt", *long_deflate(b"", b"boom ", 1))] * 5_000))
    return path


def zip_of_other_methods(folder: Path) -> Path:
    path = folder / "lzma.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("a.txt", b"boom " * 5_000_000)
    return path


def zip_cut_off(folder: Path) -> Path:
    path = zipped(folder / "cut.zip", {"a.txt": "boom " * 10_000})
    path.write_bytes(path.read_bytes()[:60])
    return path


def docx_of_10_gb(folder: Path) -> Path:
    start = f"{XML}<w:document {W}><w:body>"
    return with_stream(folder / "a.docx", WORD, "word/document.xml", start, PARAGRAPH)


def docx_of_one_endless_word(folder: Path) -> Path:
    start = f"{XML}<w:document {W}><w:body><w:p><w:r><w:t>"
    return with_stream(folder / "b.docx", WORD, "word/document.xml", start, "a")


def docx_billion_laughs(folder: Path) -> Path:
    doctype = f'<!DOCTYPE x [<!ENTITY l0 "boom">{LAUGHS}]>'
    return word(folder / "laughs.docx", "<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>", doctype)


def docx_external_entity(folder: Path) -> Path:
    doctype = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    return word(folder / "xxe.docx", "<w:p><w:r><w:t>&e;</w:t></w:r></w:p>", doctype)


def docx_hundred_thousand_deep(folder: Path) -> Path:
    deep = "<w:tbl><w:tr><w:tc>" * 33_000 + PARAGRAPH + "</w:tc></w:tr></w:tbl>" * 33_000
    return word(folder / "deep.docx", deep)


def docx_million_headings(folder: Path) -> Path:
    heading = '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>h</w:t></w:r></w:p>'
    return word(folder / "headings.docx", heading * 1_000_000)


def docx_that_includes_itself(folder: Path) -> Path:
    path = word(folder / "self.docx", '<w:altChunk r:id="rId9" xmlns:r="x"/>' * 1_000)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("word/embeddings/self.docx", path.read_bytes())
    return path


def xlsx_of_10_gb(folder: Path) -> Path:
    start = f"{XML}<worksheet {S}><sheetData>"
    row = "<row><c><v>1</v></c></row>"
    return with_stream(folder / "a.xlsx", EXCEL, "xl/worksheets/sheet1.xml", start, row)


def xlsx_of_10_gb_of_strings(folder: Path) -> Path:
    sheet = (
        f'{XML}<worksheet {S}><sheetData><row><c t="s"><v>7</v></c></row></sheetData></worksheet>'
    )
    members = EXCEL | {"xl/worksheets/sheet1.xml": sheet}
    start = f"{XML}<sst {S}>"
    return with_stream(
        folder / "b.xlsx", members, "xl/sharedStrings.xml", start, "<si><t>boom</t></si>"
    )


def xlsx_with_a_far_cell(folder: Path) -> Path:
    sheet = (
        f'{XML}<worksheet {S}><dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData>'
        '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'
    )
    return zipped(folder / "far.xlsx", EXCEL | {"xl/worksheets/sheet1.xml": sheet})


def xlsx_of_wide_rows(folder: Path) -> Path:
    rows = "".join(f'<row r="{i}"><c r="XFD{i}"><v>1</v></c></row>' for i in range(1, 50_000))
    sheet = f"{XML}<worksheet {S}><sheetData>{rows}</sheetData></worksheet>"
    return zipped(folder / "wide.xlsx", EXCEL | {"xl/worksheets/sheet1.xml": sheet})


def pptx_of_10_gb(folder: Path) -> Path:
    start = (
        f'{XML}<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:cSld><p:spTree>'
    )
    shape = "<p:sp><p:txBody><a:p><a:r><a:t>boom</a:t></a:r></a:p></p:txBody></p:sp>"
    return with_stream(folder / "a.pptx", POWERPOINT, "ppt/slides/slide1.xml", start, shape)


ODF = (
    f'{XML}<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body>'
)


def odt_of_10_gb(folder: Path) -> Path:
    members = {"mimetype": "application/vnd.oasis.opendocument.text"}
    start = f"{ODF}<office:text>"
    return with_stream(folder / "a.odt", members, "content.xml", start, "<text:p>boom</text:p>")


def odt_of_two_billion_columns(folder: Path) -> Path:
    cell = (
        '<table:table-cell table:number-columns-repeated="2000000000"><text:p>boom</text:p>'
        "</table:table-cell>"
    )
    text = (
        f'{ODF}<office:text><text:p>a<text:s text:c="2000000000"/>b</text:p><table:table>'
        f'<table:table-row table:number-rows-repeated="2000000000">{cell}</table:table-row>'
        "</table:table></office:text></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.text"
    return zipped(folder / "repeat.odt", {"mimetype": kind, "content.xml": text})


EPUB = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="b.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>",
}


def book(spine: str) -> str:
    """Return the package file of an e-book of one chapter."""
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        f"<spine>{spine}</spine></package>"
    )


def epub_of_10_gb(folder: Path) -> Path:
    members = EPUB | {"b.opf": book('<itemref idref="a"/>')}
    start = '<html xmlns="http://www.w3.org/1999/xhtml"><body>'
    return with_stream(folder / "a.epub", members, "a.xhtml", start, "<p>boom</p>")


def epub_of_one_chapter_a_million_times(folder: Path) -> Path:
    chapter = f"<html><body>{'<p>boom</p>' * 1_000}</body></html>"
    spine = '<itemref idref="a"/>' * 1_000_000
    return zipped(folder / "spine.epub", EPUB | {"b.opf": book(spine), "a.xhtml": chapter})


def epub_climbing_out(folder: Path) -> Path:
    package = book('<itemref idref="a"/>').replace("a.xhtml", "../../../../etc/passwd")
    return zipped(folder / "climb.epub", EPUB | {"b.opf": package})


def gzip_of_10_gb(folder: Path) -> Path:
    data, _ = long_deflate(b"", b"boom ", 10 * 1024)
    path = folder / "a.txt.gz"
    path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + data + bytes(8))
    return path


def gzip_named_txt(folder: Path) -> Path:
    path = folder / "a.txt"
    path.write_bytes(gzip.compress(b"boom " * 1_000_000))
    return path


ARCHIVES: tuple[Callable[[Path], Path], ...] = (
    *(zip_of_10_gb, zip_nested_ten_by_ten, zip_thousand_deep, zip_overlapping_members),
    *(zip_million_members, zip_wrong_size, zip_that_claims_4_gb, zip_encrypted, zip_climbing_out),
    *(zip_with_link, zip_of_one_name, zip_of_other_methods, zip_cut_off),
    *(docx_of_10_gb, docx_of_one_endless_word, docx_billion_laughs, docx_external_entity),
    *(docx_hundred_thousand_deep, docx_million_headings, docx_that_includes_itself),
    *(xlsx_of_10_gb, xlsx_of_10_gb_of_strings, xlsx_with_a_far_cell, xlsx_of_wide_rows),
    *(pptx_of_10_gb, odt_of_10_gb, odt_of_two_billion_columns),
    *(epub_of_10_gb, epub_of_one_chapter_a_million_times, epub_climbing_out),
    *(gzip_of_10_gb, gzip_named_txt),
)
