"""`FileReader`: our readers as a `BaseReader` of llama-index, each file read in a child process with limits.

An ingest asks the pool of children itself (`retrieval.sandbox.pool`): what a file is refused for is a line of its report
there, here it is raised.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document as IndexDocument

from adapt.errors import DataError
from retrieval.llamaindex.nodes import to_pages
from retrieval.sandbox.limits import ReaderLimits
from retrieval.sandbox.pool import ReaderPool


class FileReader(BaseReader):
    """Reads whatever `adapt ingest` reads; also for `SimpleDirectoryReader(file_extractor={".docx": FileReader()})`."""

    def __init__(self, limits: ReaderLimits | None = None) -> None:
        """Take what a file may cost; the limits of an ingest where None."""
        self._limits = limits

    def lazy_load_data(
        self, file: Path | str, extra_info: dict[str, Any] | None = None, **_: Any
    ) -> Iterator[IndexDocument]:
        """Yield the pages of a file, each with document, page and heading in its metadata.

        Args:
            extra_info: metadata that each page gets besides.

        Raises:
            DataError: the file is missing, of an unknown format, damaged, without text, or takes more than the limits.
        """
        path = Path(file)
        with ReaderPool(limits=self._limits) as pool:
            [result] = pool.read([(path.name, path)])
        if result.document is None:
            raise DataError(result.error)
        for page in to_pages(result.document):
            page.metadata = {**(extra_info or {}), **page.metadata}
            yield page
