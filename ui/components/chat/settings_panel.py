"""The sidebar's choices: which model, domain and documents answer, and what may enter the prompt."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui.actions import chat as chat_actions, documents as document_actions
from ui.components import choices
from ui.components.person import current_user
from ui.components.safe import errors_shown
from ui.context import Context


@dataclass(frozen=True)
class Chosen:
    """What should answer; the fields are those of `chat_actions.Question`."""

    model: str = ""
    domain: str = ""
    collection: str = ""
    without: frozenset[str] = frozenset()


def show_settings(ctx: Context) -> Chosen:
    """Draw the pickers and switches and return what is chosen."""
    model = domain = collection = ""
    with errors_shown():
        model = _pick("Model", choices.models(ctx), key="model", label=choices.model_label)
        domain = _pick_domain(ctx, model)
    with errors_shown():
        collection = _pick_collection(ctx)
    without = set()
    if not st.toggle("Use my feedback", value=True, key="use_feedback", persist_state="session"):
        without.add("feedback")
    if not st.toggle("Use documents", value=True, key="use_documents", persist_state="session"):
        without.add("documents")
    return Chosen(model, domain, collection, frozenset(without))


def _pick_domain(ctx: Context, model: str) -> str:
    domains = choices.domains(ctx, model)
    domain = _pick("Domain", ["", *domains], key="domain", label=lambda d: d or "none")
    if not domains:
        st.caption("No adapters of this model yet: `adapt finetune` trains one.")
    return domain


def _pick_collection(ctx: Context) -> str:
    collections = document_actions.collections(ctx, user=current_user())
    configured = ctx.workspace.settings("chat", chat_actions.ChatSettings).collection
    options = ["", *collections]
    index = choices.preferred(options, configured, choices.DEMO_COLLECTION)
    collection = _pick(
        "Documents", options, key="collection", label=lambda c: c or "none", index=index
    )
    if not collections:
        st.caption("No documents yet: `adapt ingest` reads a folder.")
    return collection


def _pick(
    name: str,
    options: list[str],
    *,
    key: str,
    label: Callable[[str], str] = str,
    index: int = 0,
) -> str:
    """Draw a picker and return the choice; one that is no longer on offer falls back to the first."""
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]
    picked = st.selectbox(
        name, options, index=index, format_func=label, key=key, persist_state="session"
    )
    return picked or ""
