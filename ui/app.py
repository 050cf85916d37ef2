"""The app: `adapt ui` starts it (`ui.server.process`); `streamlit run ui/app.py -- WORKSPACE` does too.

The frame around every page. Nothing is decided here or on the pages: what a person can do stands in `ui.actions`, what
is kept in `ui.context`.
"""

from pathlib import Path

import streamlit as st

from adapt.errors import AdaptError
from ui.environment import prepare

prepare()

from ui.components.jobs_panel import show_jobs  # noqa: E402  the environment comes first
from ui.components.opening import open_context, workspace_path  # noqa: E402
from ui.components.person import show_no_login, show_person  # noqa: E402
from ui.components.safe import show_error  # noqa: E402

ASSETS = Path(__file__).parent / "assets"
# A picture of our own: a ":material/…:" page icon would be fetched from a server of Google's.
st.set_page_config(page_title="Adapt", page_icon=ASSETS / "icon.svg", layout="centered")
st.logo(ASSETS / "logo.svg", size="large")
page = st.navigation(
    [
        st.Page("views/chat.py", title="Chat", icon=":material/forum:", default=True),
        st.Page("views/documents.py", title="Documents", icon=":material/description:"),
        st.Page("views/models.py", title="Models", icon=":material/deployed_code:"),
        st.Page("views/results.py", title="Results", icon=":material/bar_chart:"),
    ],
    position="top",
)
try:
    ctx = open_context(workspace_path())
    with st.sidebar:
        named = show_person(ctx)
        show_jobs(ctx)
except AdaptError as error:
    show_error(error)
    st.stop()
if not named:
    st.info("Write your name in the sidebar first.", icon=":material/person:")
    st.stop()
page.run()
with st.sidebar:
    show_no_login(ctx)
