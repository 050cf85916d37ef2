"""Talk to a model: answers grow on the page, with their passages, the whole prompt behind them, and room for feedback."""

import streamlit as st

from ui.components import talk
from ui.components.chat.asking import ask
from ui.components.chat.settings_panel import show_settings
from ui.components.chat.turn import show_question, show_turns
from ui.components.chat.welcome import show_welcome
from ui.components.opening import open_context, wait_for_libraries, workspace_path
from ui.components.person import current_user

ctx = open_context(workspace_path())
user = current_user()
talk.keep_in_address()

body = st.container()
# Taken in a callback, which runs before the script: a script may be broken off by another click before it comes this far.
st.chat_input("Write a message", key="message", on_submit=talk.take_message)
with body:
    growing = show_turns(ctx, talk.current(), user=user)
with st.sidebar:
    talk.show_new()
    settings = st.container()
    talk.show_earlier(ctx, user)
with body:
    wait_for_libraries()
with settings:
    chosen = show_settings(ctx)
with body:
    waiting = talk.waiting()
    if waiting:
        show_question(waiting)
    elif not talk.current():
        show_welcome(chosen.collection)
    if waiting and growing:
        st.caption("Will be asked when the answer above has ended.")
    elif waiting:
        ask(ctx, waiting, user=user, chosen=chosen)
