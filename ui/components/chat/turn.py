"""One question and its answer: as it grows, and as it stands with its passages, its prompt and its rating.

An answer grows in a fragment of its own that looks at the generation some times a second. The page's script has ended by
then, so nothing that is clicked meanwhile has to wait for the answer, and nothing that is clicked can break it off.
"""

from dataclasses import replace

import streamlit as st

from adapt.chat.account import AccountEntry
from adapt.chat.engine import Generation
from adapt.records import PassageView, Turn
from ui.actions.documents import open_cited
from ui.components.chat.account import read_account, show_account, show_citations, show_warnings
from ui.components.chat.rating import show_correction, show_notice, show_stored, show_thumbs
from ui.components.safe import plain, show_error, show_text
from ui.context import Context

REFRESH_SECONDS = 0.15
SHOWN = 20
CURSOR = "▌"
USER, ASSISTANT = ":material/person:", ":material/auto_awesome:"


def show_question(text: str) -> None:
    """Draw what a user asked."""
    with st.chat_message("user", avatar=USER):
        show_text(text)


def show_turns(ctx: Context, session_id: str, *, user: str) -> bool:
    """Draw a conversation, the newest turns of a long one, and return whether an answer is still being written."""
    turns = ctx.feedback.turns(session_id, user=user) if session_id else []
    hidden = len(turns) - SHOWN
    if hidden > 0 and not st.toggle(f"Show {hidden} earlier turns", key=f"earlier-{session_id}"):
        turns = turns[hidden:]
    growing = False
    for turn in turns:
        growing = show_turn(ctx, turn) or growing
    return growing


def show_turn(ctx: Context, turn: Turn) -> bool:
    """Draw a turn and return whether its answer is still being written."""
    show_question(turn.question)
    generation = ctx.generations.get(turn.turn_id)
    with st.chat_message("assistant", avatar=ASSISTANT):
        if generation is not None and generation.status == "streaming":
            _show_growing(generation)
            return True
        if generation is not None:
            turn = replace(turn, answer=generation.text, status=generation.status)
        show_text(turn.answer)
        _show_ending(turn, generation)
        _show_around(ctx, turn)
    return False


@st.fragment(run_every=REFRESH_SECONDS)
def _show_growing(generation: Generation) -> None:
    """Draw the answer as far as it has come; once it has ended, draw the page with all that belongs to it."""
    if generation.status != "streaming":
        st.rerun()
    show_text(generation.text + CURSOR)
    st.button(
        "Stop",
        key=f"stop-{generation.turn_id}",
        icon=":material/stop:",
        on_click=generation.stop,
        type="tertiary",
    )


def _show_ending(turn: Turn, generation: Generation | None) -> None:
    """Say how an answer ended where it did not end by itself."""
    if turn.status == "stopped":
        st.caption("Stopped.")
    elif turn.status == "failed" and generation is not None and generation.error is not None:
        show_error(generation.error)
    elif turn.status == "failed":
        st.error("This answer failed; ask again.", icon=":material/error:")
    elif turn.status == "streaming":
        st.caption(
            "Interrupted when the app was stopped, or still being written by another program."
        )


@st.fragment
def _show_around(ctx: Context, turn: Turn) -> None:
    """Draw passages, rating and account; what is clicked here runs alone, the rest of the page stays as it is."""
    account = read_account(ctx.feedback.account(turn.turn_id, user=turn.user))
    known = ctx.feedback.feedback_of(turn.turn_id, user=turn.user)
    show_warnings(account)

    def opened(passage: AccountEntry) -> PassageView:
        return open_cited(ctx, passage, user=turn.user, collection=turn.collection)

    show_citations(account, turn.answer, turn_id=turn.turn_id, opened=opened)
    by = f"{turn.model} + {turn.adapter}" if turn.adapter else turn.model
    with st.container(horizontal=True, vertical_alignment="center", key=f"rate-{turn.turn_id}"):
        show_thumbs(ctx, turn.turn_id, user=turn.user, known=known)
        with st.popover("Correct", icon=":material/edit:", type="tertiary"):
            show_correction(ctx, turn.turn_id, user=turn.user, known=known)
        st.caption(plain(f"by {by}"))
    show_stored(known)
    show_notice(turn.turn_id)
    why = st.expander(
        "What went into this prompt", key=f"why-{turn.turn_id}", on_change="rerun", type="compact"
    )
    if why.open:
        with why:
            show_account(account)
