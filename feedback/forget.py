"""Taking text out of the accounts of turns: what a document said stands there word for word.

Not here: forgetting a user (`feedback.store`).
"""

from collections.abc import Collection

from pydantic import JsonValue
from sqlalchemy import select, text

from adapt.storage.database import Database
from feedback.store import TurnRow

GONE = "its document was removed"


def withdraw_documents(
    database: Database, collection: str, documents: Collection[str] | None = None
) -> int:
    """Take the text of removed documents out of what is stored of any prompt; return how many turns had it.

    The answers stay: they are the users' own. The prompt's messages hold passages word for word and go with them.

    Args:
        documents: their names; all of the collection where None.
    """
    changed = 0
    with database.transaction() as session:
        for row in session.scalars(select(TurnRow).where(TurnRow.collection == collection)):
            account = _without(row.account, documents)
            if account != row.account:
                row.account = account
                changed += 1
    if changed and database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:  # else the log keeps the old pages
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return changed


def _without(account: JsonValue, documents: Collection[str] | None) -> JsonValue:
    if not isinstance(account, dict):
        return account
    pieces = account.get("pieces")
    if not isinstance(pieces, list):
        return account
    kept = [_blank(piece, documents) for piece in pieces]
    return {**account, "pieces": kept, "messages": []} if kept != pieces else account


def _blank(piece: JsonValue, documents: Collection[str] | None) -> JsonValue:
    if not isinstance(piece, dict) or piece.get("source") != "documents" or not piece.get("text"):
        return piece
    label = str(piece.get("label"))
    names = {label, label.rpartition(", page ")[0]}
    if documents is None or names & set(documents):
        return {**piece, "text": "", "why": GONE}
    return piece
