"""Opens the workspace once per server, and loads what the first answer needs while the page is already there."""

import gc
import importlib
import logging
import sys
import threading
from pathlib import Path

import streamlit as st

from adapt.bases import find_base
from adapt.errors import AdaptError
from adapt.workspace import default_path
from ui import actions
from ui.context import Context

logger = logging.getLogger(__name__)

# What actions import when they are first called: seconds of torch, transformers and llama-index.
HEAVY = ("adapt.models", "adapt.embedding", "feedback.source", "retrieval.source")
IMPORTED = threading.Event()


def workspace_path() -> Path:
    """Return the workspace named on the command line, else the default one."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else default_path()


@st.cache_resource(show_spinner="Opening the workspace …")
def open_context(path: Path) -> Context:
    """Return the context that every page and visitor of this server shares.

    Raises:
        AdaptError: the workspace cannot be opened.
    """
    ctx = Context(path)
    threading.Thread(target=_warm_up, args=(ctx,), name="warm-up", daemon=True).start()
    return ctx


def wait_for_libraries() -> None:
    """Wait until the warm-up has imported what actions need.

    Two threads that import transformers at once see half of it ("cannot import name 'AutoModel'").
    """
    if not IMPORTED.is_set():
        with st.spinner("Loading the libraries …"):
            IMPORTED.wait()


def _warm_up(ctx: Context) -> None:
    """Load libraries, default model and embedder; a fault of the model is said when a message needs it."""
    try:
        for name in HEAVY:
            importlib.import_module(name)
        # Half a million objects of the libraries stay as long as the server: no collection need walk over them again.
        gc.freeze()
    finally:
        IMPORTED.set()
    try:
        settings = ctx.workspace.settings("chat", actions.ChatSettings)
        ctx.engine(find_base(settings.model, ctx.workspace))
        ctx.embedder.embed(["warm up"])
    except AdaptError as error:
        logger.info("not warmed up: %s", error)
