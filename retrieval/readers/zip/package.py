"""ZIP files opened with care: members are read into memory only, and what they unpack to is counted while it is unpacked.

Word, PowerPoint, Excel, OpenDocument and EPUB files are such packages. Nothing is written to disk, so a member called
`../../x` is only a member with an odd name. Not here: what the members say.
"""

import posixpath
import struct
import zipfile
import zlib
from io import BytesIO

from lxml import etree

from adapt.errors import DataError
from retrieval.readers.raw_file import RawFile

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 100_000_000
MAX_TOTAL_BYTES = 400_000_000
MAX_RATIO = 200  # unpacked to packed; text of a real document reaches some 30
RATIO_FROM = 5_000_000  # bytes from which the ratio counts
STEP = 1 << 20
ENTRY = b"PK\1\2"  # how an entry of the directory begins
END, END_64, LOCATOR_64 = (
    b"PK\5\6",
    b"PK\6\6",
    b"PK\6\7",
)  # how its ends do, of which the second is large
END_BYTES, LONGEST_COMMENT = 22, 1 << 16
FAULTS = (  # what zipfile lets out of a broken file
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, RuntimeError,
)  # fmt: skip
ENCRYPTED = 0x1


class Package:
    """One ZIP file. Every read counts towards what the whole may unpack to."""

    def __init__(self, raw: RawFile, what: str) -> None:
        """Open it.

        Args:
            what: what sentences call it, such as "Word file".

        Raises:
            DataError: it is no whole ZIP file, or holds too many members.
        """
        self.raw = raw
        self.what = what
        self._total = 0
        self._zip = open_zip(raw, what)
        entries = self._zip.infolist()
        self._entries = {entry.filename.replace("\\", "/").lstrip("/"): entry for entry in entries}
        self._folded = {name.lower(): name for name in reversed(self._entries)}
        self.names = [name for name in self._entries if name and not name.endswith("/")]

    def __contains__(self, name: str) -> bool:
        return self._name(name) in self._entries

    def encrypted(self, name: str) -> bool:
        """Say whether a member needs a password."""
        return bool(self._entries[self._name(name)].flag_bits & ENCRYPTED)

    def read(self, name: str) -> bytes:
        """Return a member's bytes.

        Raises:
            DataError: there is none, it is encrypted or damaged, or it unpacks to more than the limits.
        """
        entry = self._entries.get(self._name(name))
        if entry is None:
            raise self.raw.damaged(self.what, f"{name} is missing in it")
        if entry.flag_bits & ENCRYPTED:
            raise DataError(
                f"{self.raw.label}: {name} in the {self.what} is encrypted; save a copy without a password"
            )
        parts: list[bytes] = []
        size = 0
        try:
            with self._zip.open(entry) as stream:
                while part := stream.read(STEP):
                    size += len(part)
                    self._total += len(part)
                    self._check(name, size, len(self.raw.data))
                    parts.append(part)
        except FAULTS as error:
            raise self.raw.damaged(self.what, f"{name}: {error or type(error).__name__}") from error
        return b"".join(parts)

    def xml(self, name: str) -> etree._Element:
        """Return the root of a member that is XML; errors as of `read` and `parse`."""
        return parse(self.raw, self.read(name), f"{self.what} ({name})")

    def find_xml(self, name: str) -> etree._Element | None:
        """Return the root of a member that is XML, None where there is none or it cannot be read."""
        if name not in self:
            return None
        try:
            return self.xml(name)
        except DataError:
            return None

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Return what a member of an Office file refers to within it: id → (last word of the type, member)."""
        folder, tail = posixpath.split(name)
        root = self.find_xml(f"{folder}/_rels/{tail}.rels" if folder else f"_rels/{tail}.rels")
        relations: dict[str, tuple[str, str]] = {}
        for element in root if root is not None else ():
            if not isinstance(element.tag, str) or element.get("TargetMode") == "External":
                continue
            target = element.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
            kind = element.get("Type", "").rsplit("/", 1)[-1]
            relations[element.get("Id", "")] = (kind, posixpath.normpath(path).lstrip("/"))
        return relations

    def _name(self, name: str) -> str:
        return name if name in self._entries else self._folded.get(name.lower(), name)

    def _check(self, name: str, size: int, packed: int) -> None:
        """Refuse what unpacks too far; `packed` is the size of the whole file, which no header can make larger."""
        over = size > MAX_MEMBER_BYTES or self._total > MAX_TOTAL_BYTES
        if over or (self._total > RATIO_FROM and self._total > MAX_RATIO * packed):
            raise DataError(
                f"{self.raw.label}: {name} in the {self.what} unpacks to over {min(size, self._total) // 1_000_000} MB "
                f"of {packed / 1_000_000:.1f} MB, as a ZIP bomb does; remove it"
            )


def open_zip(raw: RawFile, what: str) -> zipfile.ZipFile:
    """Return a file's bytes as a ZIP file; its entries are counted first, as zipfile takes 5 microseconds for each.

    Raises:
        DataError: it is no whole ZIP file, or holds too many members.
    """
    count = raw.data.count(ENTRY, *directory(raw.data))
    if count > MAX_MEMBERS:
        raise DataError(
            f"{raw.label}: {count} files in the {what}, the limit is {MAX_MEMBERS}; split it"
        )
    try:
        return zipfile.ZipFile(BytesIO(raw.data))
    except FAULTS as error:
        raise raw.damaged(what, error) from error


def directory(data: bytes) -> tuple[int, int]:
    """Return where the directory of a ZIP file begins and ends, found as zipfile does; (0, 0) where there is none.

    Reference: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
    """
    end = len(data) - END_BYTES
    if end < 0 or data[end : end + 4] != END or data[-2:] != b"\0\0":  # there is a comment
        end = data.rfind(END, max(0, end - LONGEST_COMMENT))
    if end < 0 or end + END_BYTES > len(data):
        return 0, 0
    size = int(struct.unpack_from("<I", data, end + 12)[0])
    large = end - 76  # of 56 bytes, before a locator of 20
    if large >= 0 and data[end - 20 : end - 16] == LOCATOR_64 and data[large : large + 4] == END_64:
        size = int(struct.unpack_from("<Q", data, large + 40)[0])
        end = large
    return max(0, end - size), end


def parse(raw: RawFile, data: bytes, what: str) -> etree._Element:
    """Return the root of an XML document; entities that it declares itself are refused, others stay unread.

    Raises:
        DataError: it is not well formed, too deep, or declares entities.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise raw.damaged(what, error) from error
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise DataError(
            f"{raw.label}: the {what} declares entities, which adapt does not expand; save it without them"
        )
    return root


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """Return an attribute by its name without namespace."""
    for key, value in element.attrib.items():
        if str(key).rsplit("}", 1)[-1] == name:
            return str(value)
    return None
