"""The bases worth using: what each takes, which are here, and a button that fetches one in the background."""

import streamlit as st

from adapt.errors import AdaptError
from ui.actions.bases import Listed, list_bases, start_fetch
from ui.components.safe import plain, show_error, show_table
from ui.context import Context

GIGABYTE = 1e9


def show_bases(ctx: Context) -> None:
    """Draw the list; what the button starts shows in the sidebar."""
    with st.expander("Base models worth using", icon=":material/download:"):
        listed = list_bases()
        show_table([_row(entry) for entry in listed])
        st.caption(
            "Memory is an estimate for a CPU. Fetched once, a base is among the models of the chat and works without a "
            "network. Gated ones need HF_TOKEN."
        )
        missing = [entry.known.id for entry in listed if not entry.here]
        if not missing:
            return
        chosen = st.selectbox("Fetch from the hub", missing, key="fetch_base", format_func=plain)
        known = next(entry.known for entry in listed if entry.known.id == chosen)
        st.caption(
            plain(f"{known.note}; chat template: {known.template}; tested here: {known.checked}")
        )
        if st.button(f"Fetch {known.disk_bytes / GIGABYTE:.1f} GB", key="fetch_base_now"):
            _start(ctx, chosen)


def _row(listed: Listed) -> dict[str, str | float]:
    known = listed.known
    return {
        "base": known.id,
        "here": "yes" if listed.here else "",
        "licence": f"{known.licence} (gated)" if known.gated else known.licence,
        "disk, GB": round(known.disk_bytes / GIGABYTE, 1),
        "chat, GB": round(known.chat_bytes / GIGABYTE, 1),
        "chat fits": listed.fits_chat,
        "training, GB": round(known.training_bytes / GIGABYTE, 1),
        "training fits": listed.fits_training,
        "context": known.context,
        "languages": known.languages,
    }


def _start(ctx: Context, name: str) -> None:
    try:
        start_fetch(ctx, name)
    except AdaptError as error:
        show_error(error)
    else:
        st.rerun()  # the sidebar shows how far it is
