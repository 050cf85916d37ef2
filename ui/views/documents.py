"""What a user's collections hold: add documents, search them, bring a version back, share them, remove them for good."""

import streamlit as st

from ui.actions.documents import collections, open_collection
from ui.components.documents.collection import (
    show_access,
    show_contents,
    show_removal,
    show_search,
    show_versions,
)
from ui.components.documents.upload import show_upload
from ui.components.opening import open_context, wait_for_libraries, workspace_path
from ui.components.person import current_user
from ui.components.safe import errors_shown

ctx = open_context(workspace_path())
user = current_user()

st.header("Documents", anchor=False)
wait_for_libraries()
with errors_shown():
    names = collections(ctx, user=user)
    if st.session_state.get("shown_collection") not in (None, *names):
        del st.session_state["shown_collection"]  # of another user, or removed
    chosen = st.selectbox("Collection", names, key="shown_collection", persist_state="session")
    if chosen:
        collection = open_collection(ctx, chosen, user=user)
        show_contents(collection)
        show_search(ctx, chosen, user=user)
        mine = collection.access.may_write(user)
    else:
        st.info("No documents yet: add some below.", icon=":material/description:")
    show_upload(ctx, chosen or "", user=user)
    if chosen and mine:
        show_versions(ctx, collection, user=user)
        show_access(ctx, collection, user=user)
        show_removal(ctx, collection, user=user)
