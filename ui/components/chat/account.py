"""Why an answer is as it is: the passages that it could cite, and all that went into its prompt or was cut."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from pydantic import JsonValue, TypeAdapter

from adapt.chat.account import AccountEntry
from adapt.records import CleanedAnswer, ContextPiece, Message, PassageView
from retrieval.prompt.citations import cited, notes
from ui.components.passage import show_passage
from ui.components.safe import errors_shown, plain, show_code, show_table
from ui.display.passages import stored_view

Opened = Callable[[AccountEntry], PassageView]


def as_stored(passage: AccountEntry) -> PassageView:
    """Return a passage as the account alone knows it."""
    return stored_view(passage.label, passage.text)


@dataclass(frozen=True)
class Account:
    """The account of a prompt as it is stored with its turn (`adapt.chat.prompt.Prompt.as_account`).

    `notices` are sentences that a reader of the answer should see; `searched` is a completed follow-up question, empty
    where the question was searched as it is. Accounts of earlier versions have neither.
    """

    tokens: int
    budget: int
    history_kept: int
    history_cut: int
    pieces: tuple[AccountEntry, ...]
    messages: tuple[Message, ...]
    notices: tuple[str, ...] = ()
    removed_citations: int = 0
    searched: str = ""
    searched_by: str = ""
    unsupported_citations: tuple[int, ...] = ()
    unchecked_citations: tuple[int, ...] = ()
    corrected_citations: tuple[tuple[int, int], ...] = ()

    @property
    def passages(self) -> tuple[AccountEntry, ...]:
        """Return the numbered passages in the order of their numbers."""
        return tuple(piece for piece in self.pieces if piece.number is not None)


ACCOUNT = TypeAdapter(Account)


def read_account(stored: JsonValue) -> Account:
    """Return a stored account as a value."""
    return ACCOUNT.validate_python(stored)


def cited_passages(account: Account, answer: str) -> set[int]:
    """Return the numbers of the passages that an answer cites as [n]."""
    return set(cited(answer, [ContextPiece(p.piece_id, p.text) for p in account.passages]))


def show_warnings(account: Account) -> None:
    """Say what a reader of the answer should know of it."""
    if account.searched:
        st.caption(f"searched for: {plain(account.searched)}")
    for notice in account.notices:
        st.warning(plain(notice), icon=":material/info:")
    if account.removed_citations:
        count, points = (
            account.removed_citations,
            "points" if account.removed_citations == 1 else "point",
        )
        st.caption(
            f":material/link_off: {count} of the answer's citations {points} to no passage and "
            f"{'was' if count == 1 else 'were'} removed."
        )
    cleaned = CleanedAnswer(
        "",
        unsupported=account.unsupported_citations,
        unchecked=account.unchecked_citations,
        corrected=account.corrected_citations,
    )
    for note in notes(cleaned):
        st.caption(f":material/link_off: {plain(note)}")


def show_citations(
    account: Account, answer: str, *, turn_id: str, opened: Opened = as_stored
) -> None:
    """Draw a button per passage that opens it; those that the answer cites are marked.

    Args:
        opened: returns a passage in its page; it is asked for when a reader opens it.
    """
    if not account.passages:
        return
    numbers = cited_passages(account, answer)
    with st.container(horizontal=True, gap="xsmall", key=f"citations-{turn_id}"):
        for passage in account.passages:
            is_cited = passage.number in numbers
            label = plain(f"[{passage.number}] {passage.label} · {passage.score:.2f}")
            popover = st.popover(
                label,
                icon=":material/format_quote:" if is_cited else None,
                key=f"passage-{turn_id}-{passage.number}",
                on_change="rerun",
            )
            if popover.open:
                with popover, errors_shown():
                    role = "cited in the answer" if is_cited else "in the prompt, not cited"
                    show_passage(opened(passage), role=f"score {passage.score:.2f} · {role}")


def show_account(account: Account) -> None:
    """Draw every piece kept or cut with its cost, the share of the conversation, and the exact messages."""
    st.caption(
        f"{account.tokens} of {account.budget} tokens · conversation: {account.history_kept} "
        f"messages kept, {account.history_cut} cut"
    )
    if account.searched:
        st.caption(
            f"searched for, by the rule for a {account.searched_by}: {plain(account.searched)}"
        )
    if account.pieces:
        show_table([_row(piece) for piece in account.pieces])
    else:
        st.caption("No passages and no earlier feedback went in.")
    for message in account.messages:
        st.caption(message.role)
        show_code(message.content)


def _row(piece: AccountEntry) -> dict[str, str | float | int]:
    return {
        "": f"[{piece.number}]" if piece.number is not None else "",
        "from": piece.source,
        "piece": piece.label,
        "kept": "kept" if piece.kept else f"cut: {piece.why}",
        "tokens": piece.tokens,
        "score": round(piece.score, 3),
        "text": piece.text,
    }
