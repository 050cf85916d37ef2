"""Who may read a collection: everyone of the workspace, or its owner and those that the owner names.

A collection is an index of its own, so what a person may not read is never searched: access is decided by the collection's
name before anything of it is opened. To who may not read it, a collection does not exist.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapt.errors import AdaptError, WorkspaceError
from adapt.workspace.folder import Workspace, write_atomic
from retrieval.versions.names import ACCESS, collection_names

LONGEST_NAME = 128  # as the column of the database that holds users


class Access(BaseModel):
    """Who owns a collection and who else may read it; without an owner it is everyone's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str = ""
    readers: tuple[str, ...] = ()
    public: bool = True

    def may_read(self, user: str) -> bool:
        """Return whether a user may search it."""
        return self.public or user == self.owner or user in self.readers

    def may_write(self, user: str) -> bool:
        """Return whether a user may change it: its owner, and where it has none everyone."""
        return not self.owner or user == self.owner

    def describe(self) -> str:
        """Return it for people."""
        if self.public:
            return f"public, owned by {self.owner}" if self.owner else "public"
        shared = f", shared with {', '.join(self.readers)}" if self.readers else ""
        return f"private to {self.owner}{shared}"


def private(owner: str, readers: tuple[str, ...] = ()) -> Access:
    """Return the access of a collection that only its owner and the named readers see.

    Raises:
        AdaptError: a name is empty, too long or no single line.
    """
    named = tuple(dict.fromkeys(_checked(reader) for reader in readers))
    return Access(
        owner=_checked(owner), readers=tuple(r for r in named if r != owner), public=False
    )


def load_access(folder: Path) -> Access:
    """Return who may read the collection of a folder; everyone where nothing was set.

    Raises:
        WorkspaceError: the file is damaged. Nobody reads then: a fault must not open what was private.
    """
    path = folder / ACCESS
    try:
        return Access.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Access()
    except (ValidationError, OSError) as error:
        raise WorkspaceError(
            f"{path}: cannot be read, so nobody may read the collection; restore it or write it again with "
            "'adapt documents share'"
        ) from error


def save_access(folder: Path, access: Access) -> None:
    """Write who may read the collection of a folder."""
    write_atomic(folder / ACCESS, access.model_dump_json(indent=1))


def visible_names(workspace: Workspace, user: str) -> list[str]:
    """Return the names of the collections that a user may read; one whose access cannot be read is nobody's."""
    return [
        name for name in collection_names(workspace) if _sees(workspace.collections / name, user)
    ]


def _sees(folder: Path, user: str) -> bool:
    try:
        return load_access(folder).may_read(user)
    except WorkspaceError:
        return False  # opening it by name gives the error


def _checked(name: str) -> str:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise AdaptError(
            f"{name[:40]!r} cannot name a user: use 1 to {LONGEST_NAME} characters on one line"
        )
    return name.strip()
