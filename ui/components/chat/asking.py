"""Sends a message: from here on its answer is made outside the page."""

import streamlit as st

from adapt.errors import AdaptError
from ui.actions import chat as chat_actions
from ui.components import talk
from ui.components.chat.settings_panel import Chosen
from ui.components.safe import show_error
from ui.context import Context


def ask(ctx: Context, message: str, *, user: str, chosen: Chosen) -> None:
    """Ask, and draw the page again with the answer as it grows; where it cannot be asked, say why."""
    question = chat_actions.Question(
        message,
        user=user,
        session_id=talk.current(),
        model=chosen.model,
        domain=chosen.domain,
        collection=chosen.collection,
        without=chosen.without,
    )
    try:
        with st.spinner("Looking things up …"):
            _, session_id = chat_actions.ask(ctx, question)
            # Before anything is drawn: a click ends this script where it draws next.
            talk.open_conversation(session_id)
    except AdaptError as error:
        talk.stop_waiting()
        show_error(error)
    else:
        st.rerun()
