"""ZIP archives: one document, whose pages are those of the files in it, each under its path.

Archives within archives are not opened. A file that cannot be read loses only itself.
"""

from collections.abc import Iterator

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.zip.package import Package

MAX_FILES = 2_000
MAX_WARNINGS = 20
PASSED_OVER = ("__MACOSX/", ".git/")  # what programs leave in archives
PASSED_OVER_NAMES = ("thumbs.db", "desktop.ini", ".ds_store")


def read_archive(raw: RawFile) -> Reading:
    """Return all that can be read in a ZIP archive.

    Raises:
        DataError: it is damaged, encrypted, a bomb, within another archive, or nothing in it can be read.
    """
    if raw.level:
        raise DataError(
            f"{raw.label}: an archive within another file is not opened; unpack it and ingest its files"
        )
    package = Package(raw, "ZIP archive")
    names = [name for name in sorted(package.names) if not _is_passed_over(name)]
    if names and all(package.encrypted(name) for name in names):
        raise DataError(f"{raw.label}: the ZIP archive is encrypted; save one without a password")
    pages: list[Page] = []
    warnings: list[str] = []
    for name in names[:MAX_FILES]:
        try:
            inner = raw.read_inside(raw.inside(name, package.read(name)))
        except DataError as error:
            warnings.append(str(error))
            continue
        pages += _under(name, inner)
        warnings += inner.warnings
    if len(names) > MAX_FILES:
        warnings.insert(
            0,
            f"{raw.label}: {len(names)} files in the archive, only the first {MAX_FILES} were read; split it",
        )
    if not pages:
        why = f": {warnings[0]}" if warnings else ""
        raise DataError(f"{raw.label}: the ZIP archive holds nothing that can be read{why}")
    if len(warnings) > MAX_WARNINGS:
        more = len(warnings) - MAX_WARNINGS
        warnings = [
            *warnings[:MAX_WARNINGS],
            f"{raw.label}: {more} more such faults; unpack it to see them all",
        ]
    return Reading(pages, "", warnings)


def _under(name: str, inner: Reading) -> Iterator[Page]:
    for page in inner.pages:
        heading = f"{name} > {page.heading}" if page.heading else name
        yield Page(page.text, page.number, heading, page.form)


def _is_passed_over(name: str) -> bool:
    tail = name.rsplit("/", 1)[-1].lower()
    hidden = tail.startswith(".") or any(part in name for part in PASSED_OVER)
    return hidden or tail in PASSED_OVER_NAMES
