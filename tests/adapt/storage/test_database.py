import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

import adapt.jobs.jobs
import feedback.store
from adapt.errors import WorkspaceError
from adapt.storage.database import Database, Table, revision_of
from adapt.workspace.folder import Workspace

assert adapt.jobs.jobs.JobRow.__table__ is not None


def test_the_migrations_make_exactly_the_tables_of_the_code(workspace: Workspace) -> None:
    database = Database(workspace)

    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Table.metadata)

    assert differences == []
    assert revision_of(database) == "0001"
    database.close()


def test_sqlite_runs_in_wal_mode_with_foreign_keys(workspace: Workspace) -> None:
    database = Database(workspace)

    with database.engine.connect() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
        keys = connection.execute(text("PRAGMA foreign_keys")).scalar()

    assert (mode, keys) == ("wal", 1)
    database.close()


def test_opening_twice_keeps_the_rows(workspace: Workspace) -> None:
    first = Database(workspace)
    store = feedback.store.FeedbackStore(first)
    session = store.new_session("ana")
    first.close()

    second = Database(workspace)

    assert feedback.store.FeedbackStore(second).users() == ["ana"]
    assert session
    second.close()


def test_a_damaged_database_is_one_sentence(workspace: Workspace) -> None:
    (workspace.path / "adapt.db").write_bytes(b"this is no database" * 100)

    with pytest.raises(WorkspaceError, match="cannot be used: file is not a database"):
        Database(workspace)


def test_an_unusable_url_is_named_without_its_password(workspace: Workspace) -> None:
    (workspace.path / "adapt.toml").write_text(
        '[workspace]\ndatabase_url = "nosuch://me:secret@host/rows"\n'
    )

    with pytest.raises(WorkspaceError, match="nosuch://host/rows") as caught:
        Database(workspace)
    assert "secret" not in str(caught.value)
