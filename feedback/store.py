"""Conversations, turns, ratings and corrections as rows; every read and write names its user and sees no other's.

Not here: what of it matters for the next prompt (`feedback.recall`).
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import JSON, ForeignKey, String, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from adapt.errors import AdaptError, NotFoundError
from adapt.records import Feedback, Message, Turn, TurnStatus
from adapt.storage.database import Database, Table

TITLE_LENGTH = 60
STATUS: TypeAdapter[TurnStatus] = TypeAdapter(TurnStatus)


class SessionRow(Table):
    """A conversation of one user."""

    __tablename__ = "sessions"
    session_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(128), index=True)
    title: Mapped[str] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(String(32))


class TurnRow(Table):
    """A question and its answer."""

    __tablename__ = "turns"
    turn_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("sessions.session_id", ondelete="CASCADE"), index=True
    )
    user: Mapped[str] = mapped_column(String(128), index=True)
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(256))
    adapter: Mapped[str] = mapped_column(String(256))
    collection: Mapped[str] = mapped_column(String(256))
    account: Mapped[JsonValue] = mapped_column(JSON)
    created_at: Mapped[str] = mapped_column(String(32))


class RatingRow(Table):
    """What its user said of a turn; `vector` is the question's embedding, once recall has needed it."""

    __tablename__ = "ratings"
    turn_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("turns.turn_id", ondelete="CASCADE"), primary_key=True
    )
    user: Mapped[str] = mapped_column(String(128), index=True)
    rating: Mapped[int | None]
    comment: Mapped[str] = mapped_column(Text)
    correction: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[str] = mapped_column(String(32))
    embedder: Mapped[str] = mapped_column(String(256))
    vector: Mapped[bytes | None]


def now() -> str:
    """Return the time in UTC, to the millisecond, so that text order is time order."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def check_user(user: str) -> str:
    """Return a user's name.

    Raises:
        AdaptError: it is empty or longer than the column that holds it.
    """
    if not user.strip() or len(user) > 128:
        raise AdaptError("a user's name has 1 to 128 characters; give one with --user")
    return user


class FeedbackStore:
    """The conversations and ratings of a workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new_session(self, user: str) -> str:
        """Start a conversation and return its id."""
        session_id = uuid.uuid4().hex
        with self._database.transaction() as session:
            session.add(
                SessionRow(session_id=session_id, user=check_user(user), title="", created_at=now())
            )
        return session_id

    def sessions(self, user: str) -> list[tuple[str, str]]:
        """Return a user's conversations that hold a turn as (id, title), newest first."""
        query = (
            select(SessionRow.session_id, SessionRow.title)
            .where(SessionRow.user == user, SessionRow.title != "")
            .order_by(SessionRow.created_at.desc())
        )
        with self._database.transaction() as session:
            return [(row.session_id, row.title) for row in session.execute(query)]

    def begin_turn(self, turn: Turn, *, account: JsonValue) -> None:
        """Store a question before its answer exists, with the account of its prompt."""
        with self._database.transaction() as session:
            owner = session.get(SessionRow, turn.session_id)
            if owner is None or owner.user != turn.user:
                raise NotFoundError("conversation", turn.session_id)
            if not owner.title:
                owner.title = turn.question[:TITLE_LENGTH]
            session.add(
                TurnRow(
                    turn_id=turn.turn_id,
                    session_id=turn.session_id,
                    user=turn.user,
                    question=turn.question,
                    answer=turn.answer,
                    status=turn.status,
                    model=turn.model,
                    adapter=turn.adapter,
                    collection=turn.collection,
                    account=account,
                    created_at=turn.created_at,
                )
            )

    def save_answer(
        self,
        turn_id: str,
        answer: str,
        status: TurnStatus,
        *,
        account: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Store the answer as far as it has come; a turn that was forgotten meanwhile stays forgotten.

        Args:
            account: what became known with the answer; it is added to the account of the turn's prompt.
        """
        with self._database.transaction() as session:
            row = session.get(TurnRow, turn_id)
            if row is not None:
                row.answer, row.status = answer, status
                if account and isinstance(row.account, dict):
                    row.account = {**row.account, **account}

    def history(self, session_id: str, *, user: str) -> list[Message]:
        """Return the ended turns of a session as messages, oldest first."""
        return [
            message
            for turn in self.turns(session_id, user=user)
            if turn.status in ("done", "stopped") and turn.answer
            for message in (Message("user", turn.question), Message("assistant", turn.answer))
        ]

    def turns(self, session_id: str, *, user: str) -> list[Turn]:
        """Return a conversation's turns, oldest first; none where it is another user's."""
        query = (
            select(TurnRow)
            .where(TurnRow.session_id == session_id, TurnRow.user == user)
            .order_by(TurnRow.created_at)
        )
        with self._database.transaction() as session:
            return [_turn(row) for row in session.scalars(query)]

    def account(self, turn_id: str, *, user: str) -> JsonValue:
        """Return what went into a turn's prompt."""
        with self._database.transaction() as session:
            return self._own(session, turn_id, user).account

    def rate(
        self,
        turn_id: str,
        *,
        user: str,
        rating: int | None = None,
        comment: str | None = None,
        correction: str | None = None,
    ) -> Feedback:
        """Store what a user says of an answer; what is not given stays as it was, a rating of 0 takes a thumb back.

        Raises:
            NotFoundError: the user has no such turn.
            AdaptError: the rating is none of 1, -1 and 0.
        """
        if rating not in (None, 1, -1, 0):
            raise AdaptError(f"a rating is 1 or -1, or 0 to take it back, not {rating}")
        with self._database.transaction() as session:
            turn = self._own(session, turn_id, user)
            row = session.get(RatingRow, turn_id)
            if row is None:
                row = RatingRow(
                    turn_id=turn_id, user=user, rating=None, comment="", correction="", embedder=""
                )
                session.add(row)
            row.rating = (rating or None) if rating is not None else row.rating
            row.comment = comment.strip() if comment is not None else row.comment
            row.correction = correction.strip() if correction is not None else row.correction
            row.updated_at = now()
            return _feedback(turn, row)

    def feedback_of(self, turn_id: str, *, user: str) -> Feedback | None:
        """Return what a user said of one turn, if anything."""
        of_turn = [f for f in self.feedback(user) if f.turn_id == turn_id]
        return of_turn[0] if of_turn else None

    def feedback(self, user: str) -> list[Feedback]:
        """Return all that a user has said of answers, newest first."""
        query = (
            select(TurnRow, RatingRow)
            .join(RatingRow, RatingRow.turn_id == TurnRow.turn_id)
            .where(TurnRow.user == user, RatingRow.user == user)
            .order_by(RatingRow.updated_at.desc())
        )
        with self._database.transaction() as session:
            return [_feedback(turn, row) for turn, row in session.execute(query)]

    def users(self) -> list[str]:
        """Return everyone who has a conversation here."""
        query = select(SessionRow.user).distinct().order_by(SessionRow.user)
        with self._database.transaction() as session:
            return list(session.scalars(query))

    def vectors(self, user: str, *, embedder: str) -> dict[str, bytes]:
        """Return the stored question vectors of one embedder by turn id, little-endian float32."""
        query = select(RatingRow.turn_id, RatingRow.vector).where(
            RatingRow.user == user, RatingRow.embedder == embedder
        )
        with self._database.transaction() as session:
            rows = session.execute(query)
            return {turn_id: vector for turn_id, vector in rows if vector is not None}

    def save_vectors(self, vectors: dict[str, bytes], *, embedder: str) -> None:
        """Keep question vectors, so that recall embeds each question once."""
        with self._database.transaction() as session:
            for turn_id, vector in vectors.items():
                row = session.get(RatingRow, turn_id)
                if row is not None:
                    row.embedder, row.vector = embedder, vector

    def forget(self, user: str) -> int:
        """Remove a user's conversations, turns and ratings, and return how many turns there were."""
        with self._database.transaction() as session:
            count = len(session.scalars(select(TurnRow.turn_id).where(TurnRow.user == user)).all())
            for table in (RatingRow, TurnRow, SessionRow):
                session.execute(delete(table).where(table.user == user))
        return count

    @staticmethod
    def _own(session: Session, turn_id: str, user: str) -> TurnRow:
        row = session.get(TurnRow, turn_id)
        if row is None or row.user != user:
            raise NotFoundError("turn", turn_id)
        return row


def _turn(row: TurnRow) -> Turn:
    return Turn(
        turn_id=row.turn_id,
        session_id=row.session_id,
        user=row.user,
        question=row.question,
        answer=row.answer,
        status=STATUS.validate_python(row.status),
        model=row.model,
        adapter=row.adapter,
        collection=row.collection,
        created_at=row.created_at,
    )


def _feedback(turn: TurnRow, row: RatingRow) -> Feedback:
    return Feedback(
        turn_id=turn.turn_id,
        question=turn.question,
        answer=turn.answer,
        rating=row.rating,
        comment=row.comment,
        correction=row.correction,
    )
