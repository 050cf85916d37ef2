"""Fixtures that several folders use."""

from pathlib import Path

import pytest
from hypothesis import settings

from adapt.models.runtime import ModelRuntime
from adapt.registry.bases.find import Base, find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from tests.tiny import make_adapter, make_base
from ui.environment import prepare

prepare()
settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return an empty workspace."""
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def registry(workspace: Workspace) -> Registry:
    """Return an empty registry."""
    return Registry(workspace)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random Llama."""
    return make_base(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """Return the folder of an adapter of the tiny Llama."""
    return make_adapter(tmp_path_factory.mktemp("tiny") / "adapter", tiny_folder)


@pytest.fixture
def tiny_base(tiny_folder: Path, workspace: Workspace) -> Base:
    """Return the tiny Llama as a base."""
    return find_base(str(tiny_folder), workspace)


@pytest.fixture
def tiny_runtime(tiny_base: Base) -> ModelRuntime:
    """Return the tiny Llama, loaded."""
    return ModelRuntime(tiny_base)
