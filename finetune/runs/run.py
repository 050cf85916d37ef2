"""A training from request to published adapter: read → plan → train → prove → publish; or the rest of one, after a stop."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adapt.errors import CancelledError, RecipeError
from adapt.evaluation.likelihood import answer_losses
from adapt.models.loading import load_base
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact, DataRecord
from adapt.registry.bases.find import Base, find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.passes.scheduler import Together
from finetune.proof.forgetting import GENERAL, Elsewhere, general_rows, look_elsewhere
from finetune.proof.model_card import licence_of, model_card
from finetune.proof.proof import Proof, score
from finetune.runs.out_of_resources import limits_explained
from finetune.runs.prepare import Ready, make_ready
from finetune.runs.request import (
    RunRecord,
    TrainingRequest,
    begin_run,
    check_unchanged,
    own_run,
    published_by,
    read_run,
    remove_run,
)
from finetune.tokens.examples import EncodedRow, Encoder
from finetune.train import preference, sft
from finetune.train.checkpoints import find_checkpoint
from finetune.train.curve import CARD_POINTS
from finetune.train.interrupts import Interrupts, watch_signals
from finetune.train.preference_margins import Judged, judge
from finetune.train.processes import from_first_process, is_first, joined
from finetune.train.trainer import Trained, TrainingJob

NONE = "-"  # stands where there is nothing to name


def finetune(
    request: TrainingRequest, *, workspace: Workspace, progress: Progress = no_progress
) -> Artifact:
    """Train an adapter, measure it against its base and publish it as the next version of `domain`.

    An adapter that is no better is published too; its metrics and its card say so.

    Raises:
        DataError: the data cannot be used; nothing was written.
        ModelError: the base is missing or cannot be used; nothing was written.
        RecipeError: the loss became no number; nothing is left of the run.
        CancelledError: the user stopped it; the text says how to go on.
    """
    progress = progress if is_first() else no_progress
    with joined(), watch_signals() as interrupts:
        progress(ProgressEvent("read", detail="reading the data"))
        ready = make_ready(request, workspace=workspace)
        run_id = from_first_process(
            lambda: begin_run(request, ready.outline.base, workspace).run_id
        )
        record = read_run(run_id, workspace)
        with _own_run(run_id, workspace) as folder:
            task = Training(record, ready, workspace, folder, progress, interrupts)
            return task.finish()


def resume(run_id: str, *, workspace: Workspace, progress: Progress = no_progress) -> Artifact:
    """Continue an interrupted run from its last checkpoint and publish it.

    Raises:
        NotFoundError: there is no such run to resume.
        DataError: a data file changed since.
        ModelError: the base changed since.
        CancelledError: the user stopped it again.
    """
    progress = progress if is_first() else no_progress
    with joined(), watch_signals() as interrupts:
        record = read_run(run_id, workspace)
        with _own_run(run_id, workspace) as folder:
            check_unchanged(record, find_base(record.request.base, workspace))
            ready = make_ready(record.request, workspace=workspace)
            task = Training(record, ready, workspace, folder, progress, interrupts)
            return task.finish()


@contextmanager
def _own_run(run_id: str, workspace: Workspace) -> Iterator[Path]:
    """Hold a run; of several processes that train together the first holds it for all."""
    with ExitStack() as locks:
        yield Path(from_first_process(lambda: str(locks.enter_context(own_run(run_id, workspace)))))


@dataclass(frozen=True)
class Training:
    """One run in this process: alone, together with others, or with other processes that do their part of it."""

    record: RunRecord
    ready: Ready
    workspace: Workspace
    folder: Path
    progress: Progress
    interrupts: Interrupts
    together: Together | None = None
    others: Mapping[str, Sequence[EncodedRow]] = field(default_factory=dict)  # of other domains

    @property
    def base(self) -> Base:
        """Return what it trains on."""
        return self.ready.outline.base

    def finish(self) -> Artifact:
        """Train what is left and publish; what was published before a crash is not published again."""
        reference = from_first_process(self._published_before)
        if reference != NONE:
            return Registry(self.workspace).get(reference)
        for line in self.ready.plan.lines():
            self.progress(ProgressEvent("plan", detail=line))
        self.progress(ProgressEvent("plan", detail=f"run {self.record.run_id}"))
        try:
            with limits_explained(self.record.run_id, self.ready.plan):
                trained = self._train()
                reference = from_first_process(lambda: self._judge_and_publish(trained))
        except KeyboardInterrupt as error:
            raise self._cancelled() from error
        except RecipeError:  # going on would come to the same
            self._remove()
            raise
        self._remove()
        return Registry(self.workspace).get(reference)

    def _published_before(self) -> str:
        before = published_by(self.record, self.workspace)
        if before is None:
            return NONE
        self._remove()
        return before.reference

    def _remove(self) -> None:
        if is_first():
            remove_run(self.record.run_id, self.workspace)

    def _cancelled(self) -> CancelledError:
        again = f"adapt finetune --resume {self.record.run_id}"
        return CancelledError(f"training stopped, nothing was published; go on with: {again}")

    def _train(self) -> Trained:
        name = from_first_process(lambda: getattr(find_checkpoint(self.folder), "name", NONE))
        checkpoint = None if name == NONE else self.folder / name
        if checkpoint is not None:
            self.progress(ProgressEvent("prepare", detail=f"continuing from {checkpoint.name}"))
        model, tokenizer = self._load()
        start = self.ready.start.path if self.ready.start else None
        job = TrainingJob(
            model,
            tokenizer,
            self.ready.prepared,
            self.ready.settings,
            self.folder,
            checkpoint,
            start,
            self.together,
        )
        train = sft.train if self.ready.learns_examples else preference.train
        trained = train(job, progress=self.progress, interrupts=self.interrupts)
        if not trained.ended:
            raise self._cancelled()
        return trained

    def _judge_and_publish(self, trained: Trained) -> str:
        judged = self._judge(trained)
        return self._publish(trained, judged, self._look_elsewhere(trained)).reference

    def _judge(self, trained: Trained) -> Judged:
        rows = self.ready.prepared.heldout
        pad = int(self.ready.outline.tokenizer.pad_token_id)
        self.progress(ProgressEvent("prove", detail="held-out loss"))
        if not self.ready.learns_examples:
            return judge(trained.model, rows, pad_id=pad, beta=self.ready.settings.beta)
        after = answer_losses(trained.model, rows, pad_id=pad)
        with trained.model.disable_adapter():
            before = answer_losses(trained.model, rows, pad_id=pad)
        return Judged(None, (tuple(before), tuple(after)))

    def _look_elsewhere(self, trained: Trained) -> list[Elsewhere]:
        """Return what became of general text, and of the domains that are trained beside this one."""
        outline = self.ready.outline
        length = self.ready.plan.max_length
        encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=length)
        rows = {GENERAL: general_rows(encoder), **self.others}
        self.progress(ProgressEvent("prove", detail=f"what is forgotten: {', '.join(rows)}"))
        pad = int(outline.tokenizer.pad_token_id)
        return look_elsewhere(trained.model, rows, pad_id=pad)

    def _load(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if self.together is not None:
            return self.together.model(), self.ready.outline.tokenizer
        self.progress(ProgressEvent("prepare", detail=f"loading {self.ready.plan.base}"))
        return load_base(self.base, four_bit=self.ready.settings.four_bit)

    def _publish(
        self, trained: Trained, judged: Judged, elsewhere: Sequence[Elsewhere]
    ) -> Artifact:
        request, plan, start = self.record.request, self.ready.plan, self.ready.start
        curve = trained.curve.with_start(sum(judged.losses[0]) / len(judged.losses[0]))
        with Registry(self.workspace).stage(request.domain) as staged:
            # peft wrote this machine's path there
            trained.model.peft_config["default"].base_model_name_or_path = plan.base
            # the frozen base is already on this disk: without "False" peft would ask the hub about its vocabulary
            trained.model.save_pretrained(
                str(staged.path), selected_adapters=["default"], save_embedding_layers=False
            )
            self.ready.outline.tokenizer.save_pretrained(str(staged.path))
            proof = self._prove(staged.path, judged)
            data = self._data()
            licence = licence_of(data, start)
            files = {
                "README.md": model_card(
                    request.domain,
                    self.base.record,
                    plan,
                    data=data,
                    proof=proof,
                    elsewhere=elsewhere,
                    licence=licence,
                ),
                "loss.json": json.dumps(curve.as_json()) + "\n",
                "loss.svg": curve.svg(f"{request.domain} on {plan.base}"),
            }
            for name, text in files.items():
                (staged.path / name).write_text(text, encoding="utf-8")
            artifact = staged.publish(
                "adapter",
                base=self.base.record,
                parents=[start.reference] if start else [],
                settings={**self.ready.settings.model_dump(mode="json"), "plan": plan.as_json()},
                data=data,
                metrics={
                    "heldout": proof.as_metrics(),
                    "elsewhere": {other.name: other.as_metrics() for other in elsewhere},
                    "loss_curve": curve.as_json(most=CARD_POINTS),
                    "training": {
                        "run": self.record.run_id,
                        "steps": trained.steps,
                        "seconds": round(trained.seconds, 1),
                        **({} if trained.best_step is None else {"best_step": trained.best_step}),
                        **({} if trained.drift is None else {"drift": round(trained.drift, 5)}),
                    },
                },
                licence=licence,
                summary=proof.verdict,
            )
        self.progress(ProgressEvent("done", detail=f"{artifact.reference}: {proof.verdict}"))
        return artifact

    def _prove(self, adapter: Path, judged: Judged) -> Proof:
        """Return the proof; of examples, with prompts answered by base, adapter and the one that it continues."""
        start = self.ready.start
        if not self.ready.learns_examples:
            return Proof(judged.answers, judged.losses)
        answers = score(
            self.base,
            {"candidate": adapter, **({start.reference: start.path} if start else {})},
            self.ready.heldout.examples,
            settings=self.ready.settings,
            progress=self.progress,
        )
        before = (start.reference, answers[2]) if start and answers else None
        return Proof((answers[0], answers[1]) if answers else None, judged.losses, before)

    def _data(self) -> list[DataRecord]:
        given = self.record.request.test is not None
        records = list(self.ready.train.files)
        if self.ready.keep is not None:
            records += [
                record.model_copy(update={"role": "keep"}) for record in self.ready.keep.files
            ]
        if given:
            records += [
                record.model_copy(update={"role": "test"}) for record in self.ready.heldout.files
            ]
        return records
