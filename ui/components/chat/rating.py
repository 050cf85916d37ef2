"""What a user says of an answer: thumbs, a comment, and the answer that would have been right; shown again as stored."""

import streamlit as st

from adapt.errors import AdaptError
from adapt.records import Feedback
from ui.actions import chat as chat_actions
from ui.components.safe import plain, show_text
from ui.context import Context

THUMBS = {0: -1, 1: 1}  # what st.feedback returns → what is stored
POSITION = {rating: thumb for thumb, rating in THUMBS.items()}


def show_thumbs(ctx: Context, turn_id: str, *, user: str, known: Feedback | None) -> None:
    """Draw the thumbs as they are stored; a click is stored before anything else of the page runs."""
    key = f"thumbs-{turn_id}"
    if key not in st.session_state:
        st.session_state[key] = POSITION.get(known.rating or 0) if known else None
    st.feedback("thumbs", key=key, on_change=_store_thumb, args=(ctx, turn_id, user))


def show_correction(ctx: Context, turn_id: str, *, user: str, known: Feedback | None) -> None:
    """Draw the form for a corrected answer and a comment, filled with what is stored."""
    comment, correction = (known.comment, known.correction) if known else ("", "")
    with st.form(f"correction-{turn_id}", border=False):
        st.text_area("The right answer", value=correction, key=f"right-{turn_id}")
        st.text_input("Comment", value=comment, key=f"comment-{turn_id}")
        st.form_submit_button(
            "Save", icon=":material/save:", on_click=_store_words, args=(ctx, turn_id, user)
        )


def show_stored(known: Feedback | None) -> None:
    """Draw what is stored in words."""
    if known and known.correction:
        st.caption("Your correction; similar questions will see it:")
        show_text(known.correction)
    if known and known.comment:
        st.caption(f"Your comment: {plain(known.comment)}")


def show_notice(turn_id: str) -> None:
    """Say once how the last saving went; a callback of a fragment may draw nothing by itself."""
    notice = st.session_state.pop(f"notice-{turn_id}", "")
    if notice:
        st.toast(plain(notice))


def _store_thumb(ctx: Context, turn_id: str, user: str) -> None:
    key = f"thumbs-{turn_id}"
    thumb = st.session_state[key]
    try:
        stored = chat_actions.rate(ctx, turn_id, user=user, rating=THUMBS.get(thumb, 0))
    except AdaptError as error:
        st.session_state[f"notice-{turn_id}"] = str(error)
    else:
        st.session_state[key] = POSITION.get(stored.rating or 0)


def _store_words(ctx: Context, turn_id: str, user: str) -> None:
    comment, correction = (st.session_state[f"{part}-{turn_id}"] for part in ("comment", "right"))
    try:
        chat_actions.rate(ctx, turn_id, user=user, comment=comment, correction=correction)
    except AdaptError as error:
        st.session_state[f"notice-{turn_id}"] = str(error)
    else:
        st.session_state[f"notice-{turn_id}"] = "Saved"
