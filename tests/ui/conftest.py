"""The app over a workspace whose default model is a tiny random one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.driver import APP, App, make_workspace
from ui.components.opening import forget_context, open_context


@pytest.fixture
def app(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Return the app over an empty workspace, not drawn yet."""
    workspace = make_workspace(tmp_path / "workspace", tiny_folder)
    monkeypatch.setattr(sys, "argv", ["app.py", str(workspace)])
    ctx = open_context(workspace)
    yield App(AppTest.from_file(str(APP), default_timeout=120), ctx)
    for generation in ctx.generations.values():
        generation.stop()
    forget_context(workspace)
