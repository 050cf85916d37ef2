"""What the registry holds: bases, adapters and merged models, with what they measured and where they come from."""

import streamlit as st

from ui.components.models.artifact import describe, show_artifact
from ui.components.models.base_list import show_bases
from ui.components.opening import open_context, workspace_path
from ui.components.safe import errors_shown, show_table

ctx = open_context(workspace_path())

st.header("Models", anchor=False)
with errors_shown():
    entries = {artifact.reference: artifact for artifact in ctx.registry.list()}
    if entries:
        show_table([describe(ctx, artifact) for artifact in entries.values()])
        chosen = st.selectbox("Show", list(entries)[::-1], key="shown", persist_state="session")
        if chosen:
            show_artifact(ctx, entries[chosen])
    else:
        st.info(
            "No models yet. `adapt finetune DOMAIN FILE` trains an adapter, `adapt merge` makes a model "
            "of several, and `adapt demo` does both once.",
            icon=":material/deployed_code:",
        )
    show_bases(ctx)
