"""Who uses the page. A name and no more: whoever can open the page can take any name, and the page says so."""

import streamlit as st

from ui.actions.chat import ChatSettings
from ui.components import talk
from ui.components.safe import plain
from ui.context import Context

NO_LOGIN = (
    "No login: a name keeps conversations and feedback apart, it protects nothing. The app serves "
    "this machine only."
)
LONGEST = 128  # the column that holds it


def current_user() -> str:
    """Return the name in the field, empty where there is none."""
    return str(st.session_state.get("user") or "").strip()


def show_person(ctx: Context) -> str:
    """Draw the name field and return the name."""
    default = ctx.workspace.settings("chat", ChatSettings).user
    st.text_input(
        "Your name",
        value=default,
        max_chars=LONGEST,
        key="user",
        on_change=talk.start_new,
        bind="query-params",
    )
    return current_user()


def show_no_login(ctx: Context) -> None:
    """Say what a name is worth here, and where the data lies."""
    st.caption(NO_LOGIN, help=f"Everything is stored in {plain(str(ctx.workspace.path))}")
