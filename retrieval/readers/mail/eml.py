"""Messages (eml): who, to whom, when, about what, the text, and what is attached as pages of its own."""

import email
import email.policy
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import Policy
from typing import Any

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean, decode
from retrieval.readers.mail.calendar import read_calendar
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.web.html import read_html

KINDS = ("text/plain", "text/html", "text/calendar")
HEADERS = ("Subject", "From", "To", "Cc", "Date")
MAX_LEVEL = 1  # what is attached to a message that is itself attached is not read
MAX_ATTACHED = 200
MAX_PARTS = 2_000  # each takes the parser 0.3 ms
MAX_MESSAGES = 5_000
BETWEEN = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]+\d{4}[^\r\n]*\r?\n(?=[A-Za-z][\w-]*:)"
)
QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
START = re.compile(
    rb"\s*(?:From [^\n]+\n)?(?:[A-Za-z][\w-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}", re.MULTILINE
)
TELLING = re.compile(
    rb"^(?:from|to|subject|date|mime-version|received|return-path|message-id):",
    re.IGNORECASE | re.MULTILINE,
)
FAULTS = (MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError)


def is_message(data: bytes) -> bool:
    """Say whether a file begins with the headers of a message."""
    head = data[:8192].replace(b"\r\n", b"\n")
    start = START.match(head)
    return start is not None and len({m.lower() for m in TELLING.findall(start.group(0))}) >= 3


def read_mail(raw: RawFile) -> Reading:
    """Return a message: its head and text as the first page, each attachment that can be read as further ones.

    A mailbox (mbox, RFC 4155) is read message by message, each under its subject.

    Raises:
        DataError: it cannot be taken apart, or has too many parts.
    """
    starts = [
        match.start() for match in itertools.islice(BETWEEN.finditer(raw.data), MAX_MESSAGES + 1)
    ]
    if not raw.data.startswith(b"From ") or len(starts) < 2:
        return _read_message(raw, raw.data)
    ends = [*starts[1:], len(raw.data)]
    pages: list[Page] = []
    warnings: list[str] = []
    for number, (start, end) in enumerate(zip(starts[:MAX_MESSAGES], ends, strict=False), start=1):
        try:
            # `>From` at the beginning of a line is how a mailbox writes `From` there
            read = _read_message(raw, QUOTED.sub(rb"\1", raw.data[start:end]))
        except DataError as error:
            warnings.append(f"message {number} not read: {error}")
            continue
        warnings += [f"message {number}: {warning}" for warning in read.warnings]
        above = read.title or f"message {number}"
        pages += [
            replace(page, heading=f"{above} > {page.heading}" if page.heading else above)
            for page in read.pages
        ]
    if len(starts) > MAX_MESSAGES:
        warnings.append(
            f"{raw.label}: a mailbox of more than {MAX_MESSAGES:,} messages, of which the first are read; split it"
        )
    return Reading(pages, "", warnings)


def _read_message(raw: RawFile, data: bytes) -> Reading:
    try:
        message = email.message_from_bytes(data, _Parts(raw), policy=email.policy.default)
        head = [(name, _header(message, name)) for name in HEADERS]
        body, is_markup = _body(message)
        attached = _attached(message)
    except FAULTS as error:
        raise raw.damaged("message", error) from error
    return assemble(raw, head, body, attached, is_markup=is_markup)


class _Parts:
    """Makes the parts of a message while it is parsed, up to so many."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw
        self._made = 0

    def __call__(self, policy: "Policy[Any]" = email.policy.default) -> EmailMessage:
        self._made += 1
        if self._made > MAX_PARTS:
            raise DataError(
                f"{self._raw.label}: a message of more than {MAX_PARTS:,} parts; save what matters of it as files"
            )
        return EmailMessage(policy)


def assemble(
    raw: RawFile,
    head: list[tuple[str, str]],
    body: str,
    attached: list[tuple[str, bytes]],
    *,
    is_markup: bool,
) -> Reading:
    """Return a message of any format, given its head, its text and what is attached: (name, bytes)."""
    lines = "\n".join(f"{name}: {value}" for name, value in head if value)
    text = clean(f"{lines}\n\n{body.strip()}").strip()
    pages = [Page(text, form="markdown" if is_markup else "plain")]
    warnings: list[str] = []
    for name, data in attached[:MAX_ATTACHED] if raw.level <= MAX_LEVEL else []:
        try:
            inner = raw.read_inside(raw.inside(name, data))
        except DataError as error:
            warnings.append(f"attachment not read: {error}")
            continue
        warnings += inner.warnings
        for page in inner.pages:
            heading = f"{name} > {page.heading}" if page.heading else name
            pages.append(Page(page.text, page.number, heading, page.form))
    return Reading(pages, dict(head).get("Subject", ""), warnings)


def _header(message: Message, name: str) -> str:
    try:
        value = message.get(name)
    except FAULTS:
        value = dict(message.raw_items()).get(name)  # as it stands in the file
    return " ".join(clean(str(value or "")).split())


def _body(message: EmailMessage) -> tuple[str, bool]:
    """Return the text that a mail program shows, and whether it came from markup."""
    shown = list(_shown(message))
    is_markup = any(kind == "text/html" for kind, _ in shown)
    texts = (_as_text(kind, text, beside_markup=is_markup) for kind, text in shown)
    return "\n\n".join(text.strip() for text in texts if text.strip()), is_markup


def _shown(part: EmailMessage) -> Iterator[tuple[str, str]]:
    """Yield kind and text of all parts that are shown, in order: of alternatives the richest that says something (RFC 2046).

    Without recursion: a message can be nested deeper than Python's stack.
    """
    walk = [part]
    while walk:
        part = walk.pop()
        kind = part.get_content_type()
        if kind == "message/rfc822" or _name(part):
            continue  # attached
        if not part.is_multipart():
            if kind in KINDS:
                yield kind, _text(part)
            continue
        inner = [p for p in part.get_payload() if isinstance(p, EmailMessage)]
        if kind == "multipart/alternative":
            inner = _chosen(inner)
        walk += reversed(inner)


def _chosen(alternatives: list[EmailMessage]) -> list[EmailMessage]:
    """Return the richest of some alternatives that says something, and with it an invitation's calendar."""
    calendars = [p for p in alternatives if p.get_content_type() == "text/calendar"]
    others = [p for p in alternatives if p not in calendars]
    saying = [p for p in others if p.is_multipart() or _says(p)]
    return [*saying[-1:], *calendars]


def _says(part: EmailMessage) -> bool:
    kind = part.get_content_type()
    return kind in KINDS and bool(_as_text(kind, _text(part), beside_markup=False).strip())


def _as_text(kind: str, text: str, *, beside_markup: bool) -> str:
    if kind == "text/html":
        return read_html(text)[0]
    if kind == "text/calendar":
        return read_calendar(text)
    # in a page of Markdown a plain line that begins with `#` would open a heading
    return re.sub(r"^(#+ )", r"\\\1", text, flags=re.MULTILINE) if beside_markup else text


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(payload or "")
    charset = part.get_content_charset() or ""
    return decode(payload, declared=charset) or payload.decode("latin-1")


def _name(part: Message) -> str:
    """Return the name of what is attached; empty for a part of the message itself."""
    try:
        name = part.get_filename() or ""
    except FAULTS:
        name = ""
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    return name or ("attachment" if disposition.startswith("attachment") else "")


def _attached(message: EmailMessage) -> list[tuple[str, bytes]]:
    attached = []
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else None
            whole = first.as_bytes() if isinstance(first, Message) else b""
            attached.append((_name(part) or "message.eml", whole))
        name = _name(part)
        if part.is_multipart() or not name or kind.startswith(("image/", "audio/", "video/")):
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload.strip():
            attached.append((name, payload))
    return attached
