"""Which conversation is open, kept in the session and in the page's address, so that a reload comes back to it.

The address is no key: a conversation is read with its user's name, and another user's is empty.
"""

import streamlit as st

from ui.components.safe import plain
from ui.context import Context

SHOWN = 12


def current() -> str:
    """Return the id of the open conversation, empty for one that has not begun."""
    if "conversation" not in st.session_state:
        st.session_state["conversation"] = st.query_params.get("conversation", "")
    return str(st.session_state["conversation"])


def open_conversation(session_id: str) -> None:
    """Make a conversation the open one."""
    st.session_state["conversation"] = session_id
    stop_waiting()


def start_new() -> None:
    """Open an empty conversation."""
    open_conversation("")


def take_message() -> None:
    """Keep the message that was written."""
    wait_with(str(st.session_state["message"]))


def wait_with(message: str) -> None:
    """Keep a message until it can be asked; a second one joins the first."""
    st.session_state["waiting"] = "\n".join([*filter(None, [waiting()]), message])


def waiting() -> str:
    """Return the message that is still to be asked, empty where there is none."""
    return str(st.session_state.get("waiting", ""))


def stop_waiting() -> None:
    """Forget the waiting message: it is being asked."""
    st.session_state.pop("waiting", None)


def keep_in_address() -> None:
    """Write the open conversation into the page's address."""
    if current():
        st.query_params["conversation"] = current()
    else:
        st.query_params.pop("conversation", None)


def show_new() -> None:
    """Draw the button for a new conversation."""
    st.button(
        "New conversation", icon=":material/add:", width="stretch", on_click=start_new, key="new"
    )


def show_earlier(ctx: Context, user: str) -> None:
    """Draw the user's earlier conversations, newest first."""
    known = ctx.feedback.sessions(user)
    if not known:
        return
    st.caption("Earlier conversations")
    shown = known if st.session_state.get("all_conversations") else known[:SHOWN]
    with st.container(gap="xxsmall"):
        for session_id, title in shown:
            st.button(
                plain(title),
                key=f"open-{session_id}",
                type="tertiary",
                disabled=session_id == current(),
                on_click=open_conversation,
                args=(session_id,),
            )
    if len(known) > SHOWN:
        st.toggle(f"Show all {len(known)}", key="all_conversations", persist_state="session")
