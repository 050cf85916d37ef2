"""Bombs in text and in what is marked up as text: depth, length, expansion, and runs that regular expressions choke on."""

import random
from collections.abc import Callable
from pathlib import Path

DEEP = 100_000


def text(name: str, content: str | bytes | Callable[[], str | bytes]) -> Callable[[Path], Path]:
    """Return a maker of one file; a large content is made when it is called for."""

    def maker(folder: Path) -> Path:
        data = content() if callable(content) else content
        path = folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return maker


def _mail_levels() -> str:
    head = "From: a@b.c\nSubject: boom\nMIME-Version: 1.0\n"
    return head + "".join(
        f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(DEEP)
    )


def _mail_parts() -> str:
    head = "From: a@b.c\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head + "--b\nContent-Type: text/plain\n\nboom\n" * DEEP + "--b--\n"


def _mail_in_mail() -> str:
    return "From: a@b.c\nMIME-Version: 1.0\n" + "Content-Type: message/rfc822\n\n" * DEEP + "boom"


def _random_bytes() -> bytes:
    draw = random.Random(1)
    return bytes(draw.choices(range(1, 256), k=3_000_000))


def _laughs() -> str:
    rows = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "boom">{rows}]><x>&l9;</x>'


def _quadratic() -> str:
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "{"a" * DEEP}">]><x>{"&e;" * DEEP}</x>'


def _marks() -> str:
    """Letters that each carry marks in the wrong order: putting them in order takes the square of their number."""
    return "a" + "\u0315\u0300" * 500_000


XXE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///dev/zero">]><x>&e;</x>'
NET = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x>boom</x>'

MAKERS: dict[str, Callable[[Path], Path]] = {
    "line_of_100_mb": text("line.txt", lambda: b"a" * 100_000_000),
    "line_of_100_mb_as_markdown": text("line.md", lambda: b"a" * 100_000_000),
    "line_of_9_mb_as_html": text("line.html", lambda: b"<p>" + b"a" * 9_000_000),
    "text_of_faces": text("faces.txt", lambda: "\U0001f600" * 9_000_000),
    "text_that_ends_with_one_face": text("face.txt", lambda: "a" * 9_000_000 + "\U0001f600"),
    "million_headings": text("headings.md", lambda: "# h\n" * 1_000_000),
    "million_headings_in_html": text("headings.html", lambda: "<h1>h</h1>" * 900_000),
    "million_lines": text("lines.txt", lambda: "a\n" * 4_000_000),
    "markdown_quotes_deep": text("quotes.md", ">" * DEEP + " boom"),
    "markdown_list_deep": text("list.md", lambda: "".join(" " * i + "- a\n" for i in range(4_000))),
    "markdown_brackets_deep": text("brackets.md", "[" * DEEP + "](" * DEEP),
    "markdown_comments_left_open": text("open.md", "<!--" * 500_000),
    "markdown_braces_left_open": text("braces.md", "{/*" * 500_000),
    "markdown_fences_left_open": text("fences.md", "```x\n" * 300_000),
    "markdown_heading_of_blanks": text("blanks.md", "# a" + " " * 20_000 + "b\n"),
    "markdown_heading_of_hashes": text("hashes.md", "# a" + " #" * 20_000 + "b\n"),
    "markdown_line_of_blanks": text("spaces.md", "a" + " " * 300_000 + "b"),
    "markdown_anchors_left_open": text("anchors.md", "{#" * 300_000),
    "markdown_front_matter_left_open": text("front.md", "---\n" + "title: a\n" * 500_000),
    "comments_before_no_page": text("comments.txt", "<!---->" * 500 + "x"),
    "declarations_before_no_page": text("xml.txt", "<?xml ?>" * 450 + "x"),
    "blank_lines": text("empty.txt", lambda: "a" + "\n \t" * 3_000_000 + "b"),
    "quotes_without_end": text("quotes.txt", lambda: "." + '"' * 5_000_000),
    "marks_out_of_order": text("marks.txt", _marks),
    "html_deep": text("deep.html", "<div>" * DEEP + "boom"),
    "html_tables_deep": text("tables.html", "<table><tr><td>" * DEEP + "boom"),
    "html_lists_deep": text("lists.html", "<ul><li>" * DEEP + "boom"),
    "html_fonts_left_open": text("fonts.html", "<p><b><i><font>" * DEEP),
    "html_attributes": text(
        "attributes.html", "<p " + "".join(f"a{i}=1 " for i in range(DEEP)) + ">boom"
    ),
    "html_entities": text("entities.html", "<p>" + "&amp;&#x41;&#99999999;" * DEEP),
    "html_comment_left_open": text("comment.html", "<html><!--" + "<!-- -" * DEEP + "boom"),
    "html_declaration_left_open": text("decl.html", "<html>" + " <?xml" * DEEP + "boom"),
    "html_blanks_before": text("before.html", "<html>" + " " * 300_000 + "<p>boom"),
    "html_of_small_tags": text("tags.html", lambda: "<br>" * 2_400_000 + "boom"),
    "xml_billion_laughs": text("laughs.xml", _laughs()),
    "xml_billion_laughs_as_html": text("laughs.html", "<!DOCTYPE html>" + _laughs()),
    "xml_quadratic": text("square.xml", _quadratic()),
    "xml_external": text("xxe.xml", XXE),
    "xml_external_as_html": text("xxe.xhtml", XXE),
    "xml_from_the_network": text("net.xml", NET),
    "xml_deep": text("deep.xml", "<a>" * DEEP + "boom" + "</a>" * DEEP),
    "json_deep": text("deep.json", "[" * DEEP + "]" * DEEP),
    "json_deep_objects": text("deep2.json", '{"a":' * DEEP + "1" + "}" * DEEP),
    "json_long_number": text("number.json", "[" + "9" * 5_000_000 + "]"),
    "jsonl_million_rows": text("rows.jsonl", lambda: '{"a": 1}\n' * 1_000_000),
    "yaml_laughs": text(
        "laughs.yaml",
        "a0: &a0 [boom]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 10)),
    ),
    "rtf_deep": text("deep.rtf", "{\\rtf1 " + "{" * DEEP + "boom" + "}" * DEEP + "}"),
    "rtf_long_binary": text("bin.rtf", "{\\rtf1 \\bin2147483647 boom}"),
    "rtf_long_number": text("number.rtf", "{\\rtf1 \\u" + "9" * 1_000_000 + " boom}"),
    "rtf_words": text("words.rtf", lambda: "{\\rtf1 " + "\\par\\u945?" * 1_500_000 + "}"),
    "mail_levels": text("levels.eml", _mail_levels),
    "mail_parts": text("parts.eml", _mail_parts),
    "mail_in_mail": text("mail.eml", _mail_in_mail),
    "mail_long_header": text(
        "header.eml", lambda: "Subject: " + "=?utf-8?q?a?= " * 300_000 + "\n\nboom"
    ),
    "mail_address_parentheses": text("address.eml", "From: " + "(" * DEEP + "\n\nboom"),
    "csv_million_columns": text("columns.csv", lambda: "a," * 1_000_000 + "\n1,2\n"),
    "csv_million_columns_often": text("often.csv", lambda: ("," * 100_000 + "1\n") * 100),
    "csv_quote_left_open": text("open.csv", lambda: 'a,"b\n' + "c,d\n" * 3_000_000),
    "utf_7": text("seven.txt", "+ADw-script+AD4-boom+ADw-/script+AD4-" * 1_000),
    "utf_16_of_odd_length": text("odd.txt", b"\xff\xfe" + b"a\0" * 1_000 + b"a"),
    "utf_16_of_lone_surrogates": text("lone.txt", b"\xff\xfe" + b"\0\xd8" * 1_000),
    "utf_32_beyond_unicode": text("beyond.txt", b"\xff\xfe\0\0" + b"\xff" * 4_000),
    "declared_codec_is_zip": text("codec.html", b"<html><meta charset=zlib_codec><p>\xff\xfe boom"),
    "random_bytes": text("noise.txt", _random_bytes),
    "random_bytes_as_html": text("noise.html", lambda: b"<html>" + _random_bytes()),
    "nul_bytes_of_100_mb": text("nul.txt", lambda: bytes(100_000_000)),
    "control_characters": text("control.txt", lambda: "\x1b[2J\x07\x08" * 1_000_000 + "boom"),
}


def _named(name: str, maker: Callable[[Path], Path]) -> Callable[[Path], Path]:
    maker.__name__ = name
    return maker


TEXTS = tuple(_named(name, maker) for name, maker in MAKERS.items())
