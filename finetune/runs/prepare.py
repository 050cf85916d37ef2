"""A request, read and planned: everything that comes before the base's weights are loaded, and `adapt data check`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.errors import DataError, RecipeError
from adapt.models.loading import check_four_bit
from adapt.records import Example
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace, check_name
from finetune.data.datasets import (
    AS_IT_IS,
    KINDS,
    ExampleSet,
    Layout,
    RowSet,
    read_dataset,
    read_examples,
)
from finetune.data.split import hold_out
from finetune.plan import Plan, Prepared
from finetune.planning.base_outline import Outline, read_outline
from finetune.planning.data_report import DataReport, check
from finetune.planning.derive import plan
from finetune.runs.continue_from import find_start, shape_as
from finetune.runs.request import TrainingRequest
from finetune.settings import SftSettings
from finetune.tokens.examples import Encoder


@dataclass(frozen=True)
class Ready:
    """A request that was read and planned: everything before the base's weights are loaded."""

    outline: Outline
    train: RowSet[Any]
    heldout: RowSet[Any]
    prepared: Prepared
    settings: SftSettings
    keep: ExampleSet | None = None
    start: Artifact | None = None

    @property
    def plan(self) -> Plan:
        """Return what the run will do."""
        return self.prepared.plan

    @property
    def learns_examples(self) -> bool:
        """Return whether answers are learned, not preferences."""
        return isinstance(self.train.examples[0], Example)


def make_ready(request: TrainingRequest, *, workspace: Workspace) -> Ready:
    """Read the data and plan the run; nothing is written but the bad rows that are set aside. This is `--dry-run`.

    Raises:
        DataError: the data cannot be used.
        ModelError: the base is missing or cannot be used, or not in 4 bits.
        AdaptError: the domain's name is not safe.
    """
    check_name("model", request.domain)
    outline = read_outline(find_base(request.base, workspace))
    start = find_start(request.start, outline.base, workspace) if request.start else None
    settings = shape_as(request.settings, start) if start else request.settings
    if settings.four_bit:
        check_four_bit()
    layout = request.layout
    data = read_dataset(request.files, skip_bad=request.skip_bad, layout=layout)
    if request.test is None:
        rows, heldout = hold_out(data, seed=settings.seed)
    else:
        rows, heldout = data, read_dataset([request.test], layout=layout, part="test")
        if type(heldout.examples[0]) is not type(data.examples[0]):
            kinds = (KINDS[type(dataset.examples[0])] for dataset in (data, heldout))
            raise DataError(
                f"{request.test}: its rows must be {' like those to train on, not '.join(kinds)}"
            )
    validation = None
    if settings.patience is not None:
        # of the training rows: weights picked by the rows that prove them would flatter
        rows, validation = hold_out(rows, seed=settings.seed + 1)
    keep = read_examples(request.keep) if request.keep else None
    if keep and not isinstance(data.examples[0], Example):
        raise RecipeError(
            "rows to keep are for examples; training on preferences stays near its reference anyway"
        )
    prepared = plan(rows, heldout, outline, settings, keep=keep, validation=validation)
    return Ready(outline, rows, heldout, prepared, settings, keep, start)


def check_files(
    files: tuple[Path, ...],
    *,
    workspace: Workspace,
    base: str = "starter",
    test: Path | None = None,
    skip_bad: Path | None = None,
    layout: Layout = AS_IT_IS,
) -> DataReport:
    """Return what is in some data files, measured for a base. This is `adapt data check`."""
    data = read_dataset(files, skip_bad=skip_bad, layout=layout)
    outline = read_outline(find_base(base, workspace))
    length = outline.context_length
    encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=length)
    asked = None if test is None else read_examples([test], layout=layout, part="test").examples
    return check(data, encoder, context_length=length, test=asked)
