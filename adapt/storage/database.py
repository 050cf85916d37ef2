"""Rows: the SQLAlchemy engine and the base class of all tables; SQLite in WAL mode, or any URL such as PostgreSQL.

Tables stand beside the code that uses them (`feedback.store`, `adapt.jobs.jobs`); their history stands in
`adapt/storage/migrations`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace

MIGRATIONS = Path(__file__).parent / "migrations"


class Table(DeclarativeBase):
    """Base of every table."""


class Database:
    """The rows of one workspace, migrated to the newest form when opened."""

    def __init__(self, workspace: Workspace) -> None:
        """Open the database.

        Raises:
            WorkspaceError: the file is no database or damaged, or the URL is not usable.
        """
        url = workspace.database_url
        try:
            self.engine = _engine(url)
            with workspace.lock("database"):
                _migrate(self.engine, url)
        except (DatabaseError, ArgumentError, NoSuchModuleError, ImportError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise WorkspaceError(
                f"the database at {self._shown(url)} cannot be used: {reason}"
            ) from error

    @staticmethod
    def _shown(url: str) -> str:
        """Return a URL without its password."""
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session; what was done in it becomes visible at once, or not at all."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Let readers and a writer work at once, and make writers wait for each other instead of failing."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("PRAGMA secure_delete=ON")  # a row that a user has deleted is gone from the file
    cursor.close()


def _migrate(engine: Engine, url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == newest:
        return
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision_of(database: Database) -> str | None:
    """Return the migration that the rows are at."""
    with database.engine.connect() as connection:
        revision: Any = MigrationContext.configure(connection).get_current_revision()
    return revision if revision is None else str(revision)
