"""Files that must stay as they are while they are read: what they hold, and whether they were touched since.

Not here: fingerprints of bases, remembered between runs (`adapt.registry.bases.find`).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.registry.artifacts import sha256_file
from merge.weights.lora_config import CONFIG

if TYPE_CHECKING:
    from merge.check.resolve import Resolved

FRESH_SECONDS = 2.0  # clocks of files tick in steps, up to two seconds on old file systems

Stamp = tuple[int, int, int, int]


class Watched:
    """Files as they were when this was made."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Note the files' stamps; call before anything is read from them."""
        self._files = files
        self._stamps = self._now()
        self._since = time.time()
        self._hashes: list[str] = []

    def hashes(self) -> list[str]:
        """Return the SHA-256 of each file; read once, and at any time after this was made."""
        if not self._hashes:
            self._hashes = [sha256_file(file) for file in self._files]
        return self._hashes

    def are_unchanged(self) -> bool:
        """Return whether no file was touched; one that was written shortly before is read again, to be sure.

        Two changes within one tick of the clock leave the same stamp. Call after `hashes`.
        """
        if self._now() != self._stamps:
            return False
        fresh = [max(stamp[2:]) / 1e9 > self._since - FRESH_SECONDS for stamp in self._stamps]
        return all(
            sha256_file(file) == sha256
            for file, sha256, is_fresh in zip(self._files, self.hashes(), fresh, strict=True)
            if is_fresh
        )

    def _now(self) -> list[Stamp]:
        stats = [file.stat() for file in self._files]
        return [(s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in stats]


class WatchedAdapters(Watched):
    """Weights and configuration of each adapter of a merge, as they were when this was made."""

    def __init__(self, resolved: "Resolved") -> None:
        """Note the files' stamps."""
        weights = [adapter.file.path for adapter in resolved.adapters]
        super().__init__([file for path in weights for file in (path, path.with_name(CONFIG))])

    def pairs(self) -> list[tuple[str, str]]:
        """Return the SHA-256 of each adapter's weights and configuration; read once."""
        hashes = self.hashes()
        return list(zip(hashes[::2], hashes[1::2], strict=True))
