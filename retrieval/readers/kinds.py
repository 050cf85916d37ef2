"""Which format a file is in: its content decides, its name only where content cannot (Markdown, CSV, source code)."""

import re
from io import BytesIO

from olefile.olefile import OleFileError, OleFileIO

from adapt.errors import DataError
from retrieval.readers.mail.eml import is_message
from retrieval.readers.raw_file import RawFile
from retrieval.readers.zip.package import FAULTS, open_zip

KNOWN = (
    "txt, md, html, pdf, docx, doc, odt, rtf, pptx, odp, xlsx, xls, ods, csv, tsv, epub, eml, msg, ipynb, xml, "
    "source code and zip"
)
EXTENSIONS = {
    **dict.fromkeys(
        ("", ".txt", ".text", ".log", ".rst", ".adoc", ".asciidoc", ".org", ".tex", ".srt", ".vtt", ".bib", ".nfo"), "text"
    ),
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mkd", ".rmd", ".qmd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".xht"), "html"),
    **dict.fromkeys((".csv", ".tsv", ".tab", ".psv"), "delimited"),
    **dict.fromkeys((".xml", ".nxml", ".tei", ".dita", ".dbk", ".rss", ".atom", ".fodt", ".fodp", ".svg"), "xml"),
    **dict.fromkeys((".eml", ".mht", ".mhtml", ".mbox", ".mbx"), "mail"),
    ".ipynb": "notebook",
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".json5"), "json"),
    **dict.fromkeys(
        (".py", ".pyi", ".pyw", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".java", ".kt", ".kts",
         ".scala", ".groovy", ".gradle", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".m", ".mm", ".cs",
         ".fs", ".vb", ".go", ".rs", ".swift", ".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl", ".dart", ".ex", ".exs",
         ".erl", ".hs", ".clj", ".ml", ".elm", ".zig", ".nim", ".pas", ".f", ".f90", ".f95", ".cob", ".asm", ".s", ".sql",
         ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".cmd", ".awk", ".sed", ".vim", ".el", ".lisp", ".scm",
         ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties",
         ".env", ".proto", ".graphql", ".gql", ".tf", ".hcl", ".css", ".scss", ".sass", ".less", ".cmake", ".mk",
         ".dockerfile", ".diff", ".patch", ".sol", ".v", ".sv", ".vhd", ".vhdl", ".xsd", ".xsl", ".xslt", ".wsdl"),
        "code",
    ),
}  # fmt: skip
TEXT_KINDS = frozenset(("text", "markdown", "html", "delimited", "xml", "notebook", "code", "json"))
# A name that promises a format of which the content shows nothing.
PROMISED = {
    ".pdf": "PDF", ".docx": "Word file", ".docm": "Word file", ".pptx": "PowerPoint file", ".pptm": "PowerPoint file",
    ".xlsx": "Excel file", ".xlsm": "Excel file", ".xlsb": "Excel file", ".odt": "OpenDocument file",
    ".ods": "OpenDocument file", ".odp": "OpenDocument file", ".epub": "EPUB file", ".msg": "Outlook message",
    ".zip": "ZIP archive", ".rtf": "RTF file",
}  # fmt: skip
OLD = {".doc": "text", ".xls": "delimited"}  # names that programs also give to text
MAGIC = (  # what a name can hide
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"8BPS", "a picture"),
    (b"\x1f\x8b", "a packed file (gzip)"),
    (b"BZh", "a packed file (bzip2)"),
    (b"\xfd7zXZ", "a packed file (xz)"),
    (b"7z\xbc\xaf\x27\x1c", "a packed file (7-Zip)"),
    (b"Rar!", "a packed file (RAR)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound"),
    (b"SQLite format 3\0", "a database"),
)
PICTURE = "a picture"
# possessive throughout: nothing of what opens a page can be taken in two ways, and thousands of comments are no riddle
HTML_START = re.compile(
    rb"\s*+(?:<\?xml[^>]{0,200}\?>\s*+|<!--(?:(?!-->).){0,2000}-->\s*+)*+(?:<!doctype\s+html|<html|<head\b|<body\b)",
    re.IGNORECASE | re.DOTALL,
)
XML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s")
FLAT = re.compile(rb"<office:document\b")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MIMETYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "opendocument",
    "application/vnd.oasis.opendocument.presentation": "opendocument",
    "application/vnd.oasis.opendocument.spreadsheet": "sheets",
}


def kind_of(raw: RawFile) -> str:
    """Return the key of the reader.

    Raises:
        DataError: the content is of a format that is not read, or is not what the name promises.
    """
    head = raw.data[:4096]
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", OLE)):
        # Before PDF: a PDF in an archive, or attached to a message, may be stored as it is.
        return _ole_kind(raw) if head.startswith(OLE) else _zip_kind(raw)
    if b"%PDF-" in head[:1024] and not is_message(raw.data):
        return "pdf"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rtf"):
        return "rtf"
    _refuse_binary(raw, head)
    if HTML_START.match(head):
        return "html"
    if XML_START.match(head) and FLAT.search(head):
        return "opendocument"
    return _kind_by_name(raw)


def _kind_by_name(raw: RawFile) -> str:
    suffix = raw.suffix
    if suffix in PROMISED:
        what = PROMISED[suffix]
        raise DataError(
            f"{raw.label}: the {what} is damaged (its content is that of no {what}); open it and save it again"
        )
    if suffix in ("", ".txt", ".text") and is_message(raw.data):
        return "mail"
    if suffix not in EXTENSIONS and suffix not in OLD:
        raise DataError(f"{raw.label}: unknown format '{suffix}'; adapt reads {KNOWN}")
    return OLD.get(suffix) or EXTENSIONS[suffix]


def _refuse_binary(raw: RawFile, head: bytes) -> None:
    for magic, what in MAGIC:
        # Two letters can begin a text as well.
        if head.startswith(magic) and (len(magic) > 2 or b"\0" in head):
            todo = (
                "run it through OCR into a PDF first" if what == PICTURE else "unpack it" if "packed" in what
                else "remove it"
            )  # fmt: skip
            raise DataError(f"{raw.label}: {what}, which adapt does not read; {todo}")


def _zip_kind(raw: RawFile) -> str:
    what = PROMISED.get(raw.suffix, "ZIP archive")
    try:
        with open_zip(raw, what) as file:
            names = set(file.namelist())
            mimetype = ""
            if "mimetype" in names and file.getinfo("mimetype").file_size < 200:
                mimetype = file.read("mimetype").decode("ascii", errors="ignore").strip()
    except FAULTS as error:
        raise raw.damaged(what, error) from error
    kind = MIMETYPES.get(mimetype.removesuffix("-template"))
    if kind:
        return kind
    if "META-INF/container.xml" in names:
        return "epub"
    folders = {name.replace("\\", "/").lower().split("/", 1)[0] for name in names}
    if "[Content_Types].xml" in names:
        for folder, office_kind in (("word", "word"), ("ppt", "slides"), ("xl", "sheets")):
            if folder in folders:
                return office_kind
    if any(name.endswith(".iwa") for name in names):
        raise DataError(
            f"{raw.label}: an Apple iWork file, which adapt does not read; export it as PDF or for Office"
        )
    return "archive"


def _ole_kind(raw: RawFile) -> str:
    """Return the kind of an OLE file, the house of all old formats of Office."""
    try:
        with OleFileIO(BytesIO(raw.data)) as file:
            names = {entry[0].lower() for entry in file.listdir()}
    except (OleFileError, OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        raise raw.damaged("Office file", error) from error
    if "encryptedpackage" in names or "dataspaces" in names:
        raise DataError(
            f"{raw.label}: the Office file is encrypted; save a copy without a password"
        )
    if PROPERTY_STREAM in names:
        return "outlook"
    if "worddocument" in names:
        return "legacy_word"
    if names & {"workbook", "book"}:
        return "sheets"
    if "powerpoint document" in names:
        raise DataError(
            f"{raw.label}: an old PowerPoint file (.ppt), which adapt does not read; "
            "save it as .pptx, for example with LibreOffice"
        )
    raise DataError(
        f"{raw.label}: an OLE file of an unknown kind; save it in a current format, for example with LibreOffice"
    )


PROPERTY_STREAM = "__properties_version1.0"
