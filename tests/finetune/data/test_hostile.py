"""Hostile dataset files: each is read right or ends in one clear sentence, and none leaves anything behind."""

from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import make_ready
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from tests.finetune.data.hostile import FILES


def test_there_are_sixty_of_them() -> None:
    assert len({name for name, _, _ in FILES}) >= 60


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content", "expected"), FILES, ids=[name for name, _, _ in FILES])
def test_a_hostile_file_is_read_right_or_ends_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, expected: int | str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    workspace = Workspace(tmp_path / "w")
    request = TrainingRequest(domain="hostile", files=(path,), settings=SftSettings())

    if isinstance(expected, int):
        ready = make_ready(request, workspace=workspace)
        assert len(ready.train.examples) + len(ready.heldout.examples) == expected
    else:
        with pytest.raises(DataError) as caught:
            finetune(request, workspace=workspace)
        said = str(caught.value)
        assert expected in said
        assert name in said
        assert "\n" not in said
        assert len(said) < 700

    assert Registry(workspace).find("hostile") is None
    assert list_runs(workspace) == []
