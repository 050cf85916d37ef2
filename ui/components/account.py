"""Why an answer is as it is: the passages that it could cite, and all that went into its prompt or was cut."""

from dataclasses import dataclass

import streamlit as st
from pydantic import JsonValue, TypeAdapter

from adapt.prompt import AccountEntry
from adapt.records import ContextPiece, Message
from retrieval.citations import cited
from ui.components.safe import plain


@dataclass(frozen=True)
class Account:
    """The account of a prompt as it is stored with its turn (`adapt.prompt.Prompt.as_account`)."""

    tokens: int
    budget: int
    history_kept: int
    history_cut: int
    pieces: tuple[AccountEntry, ...]
    messages: tuple[Message, ...]

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


def show_citations(account: Account, answer: str, *, turn_id: str) -> None:
    """Draw a button per passage that opens its text; those that the answer cites are marked."""
    if not account.passages:
        return
    numbers = cited_passages(account, answer)
    with st.container(horizontal=True, gap="xsmall", key=f"citations-{turn_id}"):
        for passage in account.passages:
            mark = ":material/format_quote:" if passage.number in numbers else None
            label = plain(f"[{passage.number}] {passage.label} · {passage.score:.2f}")
            with st.popover(label, icon=mark, key=f"passage-{turn_id}-{passage.number}"):
                where = "cited in the answer" if mark else "in the prompt, not cited"
                st.caption(f"{plain(passage.label)} · score {passage.score:.2f} · {where}")
                st.text(passage.text)


def show_account(account: Account) -> None:
    """Draw every piece kept or cut with its cost, the share of the conversation, and the exact messages."""
    st.caption(
        f"{account.tokens} of {account.budget} tokens · conversation: {account.history_kept} "
        f"messages kept, {account.history_cut} cut"
    )
    if account.pieces:
        st.dataframe([_row(piece) for piece in account.pieces], hide_index=True)
    else:
        st.caption("No passages and no earlier feedback went in.")
    for message in account.messages:
        st.caption(message.role)
        st.code(message.content, language=None, wrap_lines=True)


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
