"""What is written down of a run and of its measurements: recipe.json, figures.json, curve.json and sizes.json."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapt.errors import DataError
from adapt.starter.recipe.texts.corpus import SourceFile
from adapt.starter.recipe.training.files import RunProgress
from adapt.starter.recipe.training.train import TrainSettings


class RunRecord(BaseModel):
    """Everything needed to repeat a run, and what it spent; `spent` is None until it has ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: list[SourceFile]
    settings: TrainSettings
    seed: int
    batch_tokens: int
    initialisation: str
    parameters: int
    versions: dict[str, str]
    spent: RunProgress | None = None
    notes: str = ""
    continues: "RunRecord | None" = None

    def earlier(self) -> list["RunRecord"]:
        """Return the runs that this one goes on from, the latest first."""
        return [self.continues, *self.continues.earlier()] if self.continues else []


class Figure(BaseModel):
    """A measured value; `low` and `high` bound its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    n: int
    low: float
    high: float
    goal: float | None = None


FIGURES = TypeAdapter(list[Figure])
ROWS = TypeAdapter(list[dict[str, float]])


def read_record(path: Path) -> RunRecord:
    """Read a run's recipe.json.

    Raises:
        DataError: it is missing or is not such a record.
    """
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"{path}: missing, or not the record of a run") from error


def read_figures(path: Path) -> list[Figure]:
    """Read figures.json; none where there is no such file."""
    if not path.is_file():
        return []
    try:
        return FIGURES.validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: not a list of figures") from error


def read_curve(path: Path) -> list[dict[str, float]]:
    """Read curve.json, the probes of a run; none where there is no such file."""
    return _rows(path, "the probes of a run")


def read_sizes(path: Path) -> list[dict[str, float]]:
    """Read sizes.json, what short runs of other sizes came to; none where there is no such file."""
    return _rows(path, "a comparison of sizes")


def _rows(path: Path, what: str) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    try:
        return ROWS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: not {what}") from error
