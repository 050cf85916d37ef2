"""What is written down of a run and of its measurements: recipe.json, figures.json and comparison.json."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapt.errors import DataError
from adapt.starter.recipe.corpus import SourceFile
from adapt.starter.recipe.files import Progress
from adapt.starter.recipe.train import TrainSettings


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
    spent: Progress | None = None
    notes: str = ""


class Figure(BaseModel):
    """A measured value; `low` and `high` bound its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    n: int
    low: float
    high: float


class Comparison(BaseModel):
    """The held-out copying figures of two initialisations, each after so many tokens (hand-set, standard)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    tokens: tuple[int, int]
    copying: dict[str, float]
    standard: dict[str, float]


FIGURES = TypeAdapter(list[Figure])


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


def read_comparison(path: Path) -> Comparison | None:
    """Read comparison.json; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return Comparison.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: not a comparison of two runs") from error
