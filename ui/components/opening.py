"""Opens the workspace once per server, and loads what the first answer needs from then on."""

import gc
import logging
import sys
import threading
from pathlib import Path

import streamlit as st

from adapt.errors import AdaptError
from adapt.records import Grounding, Message
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import default_path
from ui.actions import chat as chat_actions
from ui.context import Context

logger = logging.getLogger(__name__)

IMPORTED = threading.Event()
_WARM_UP = Grounding(((1, "The office opens at eight."),))

_opened: dict[Path, Context] = {}
_opening = threading.Lock()


def workspace_path() -> Path:
    """Return the workspace named on the command line, else the default one."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else default_path()


def open_context(path: Path) -> Context:
    """Return the context that every page and visitor of this process shares; the first call begins to warm it up.

    It is not Streamlit's to keep: the server opens it before there is a visit.

    Raises:
        AdaptError: the workspace cannot be opened.
    """
    with _opening:
        if path not in _opened:
            _opened[path] = Context(path)
            warm_up = threading.Thread(
                target=_warm_up, args=(_opened[path],), name="warm-up", daemon=True
            )
            warm_up.start()
        return _opened[path]


def forget_context(path: Path) -> None:
    """Close a context, so that the next call opens the workspace again."""
    with _opening:
        _opened.pop(path).close()


def wait_for_libraries() -> None:
    """Wait until the warm-up has imported what actions need.

    Two threads that import transformers at once see half of it ("cannot import name 'AutoModel'").
    """
    if not IMPORTED.is_set():
        with st.spinner("Loading the libraries …"):
            IMPORTED.wait()


def _import_libraries() -> None:
    """Import what actions import when they are first called: seconds of torch, transformers and llama-index."""
    import retrieval.prompt.source  # noqa: F401


def _warm_up(ctx: Context) -> None:
    """Load libraries, default model and embedder, and answer once; a fault of the model is reported at the first message."""
    # Half a million objects of the libraries stay as long as the server: no collection need walk over them, while they are
    # made (0.8 s of 5.2) or later.
    gc.disable()
    try:
        _import_libraries()
        gc.freeze()
    finally:
        gc.enable()
        IMPORTED.set()
    try:
        settings = ctx.workspace.settings("chat", chat_actions.ChatSettings)
        base = find_base(settings.model, ctx.workspace)
        ctx.engine(base)
        ctx.embedder.embed(["warm up"])
        # what a held answer needs is made once for a tokenizer, and a first pass through the model is slow
        ask = [Message("user", "When does the office open?")]
        ctx.runtime(base).generate(ask, grounding=_WARM_UP, max_new_tokens=2)
    except AdaptError as error:
        logger.info("not warmed up: %s", error)
