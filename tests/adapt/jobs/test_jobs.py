import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapt.errors import NotFoundError
from adapt.jobs.jobs import JobRow, Jobs
from adapt.records import ProgressEvent
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace

WORKER = """
import sys, time
from pathlib import Path
from adapt.storage.database import Database
from adapt.jobs.jobs import Jobs
from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace

workspace = Workspace(Path(sys.argv[1]))
jobs = Jobs(workspace, Database(workspace))
job = jobs.begin(sys.argv[2])
try:
    for step in range(job.settings["steps"]):
        jobs.emit(job.job_id, ProgressEvent("work", step + 1, job.settings["steps"]))
        time.sleep(job.settings["pause"])
except KeyboardInterrupt:
    jobs.finish(job.job_id, "cancelled", error="stopped in good order")
else:
    jobs.finish(job.job_id, "done", result={"steps": job.settings["steps"]})
"""


@pytest.fixture
def jobs(workspace: Workspace) -> Jobs:
    return Jobs(workspace, Database(workspace))


def start(jobs: Jobs, workspace: Workspace, *, steps: int, pause: float = 0.0) -> str:
    command = [sys.executable, "-c", WORKER, str(workspace.path)]
    settings = {"steps": steps, "pause": pause}
    return jobs.start("test", title="a test", settings=settings, command=command).job_id


@pytest.mark.slow
def test_a_watched_job_gives_every_event_and_its_result(jobs: Jobs, workspace: Workspace) -> None:
    job_id = start(jobs, workspace, steps=5)

    events = list(jobs.watch(job_id, every_seconds=0.05))

    assert events == [ProgressEvent("work", n, 5) for n in range(1, 6)]
    assert (jobs.get(job_id).status, jobs.get(job_id).result) == ("done", {"steps": 5})


@pytest.mark.slow
def test_a_cancelled_job_ends_in_good_order(jobs: Jobs, workspace: Workspace) -> None:
    job_id = start(jobs, workspace, steps=1000, pause=0.05)
    while not jobs.events(job_id):
        time.sleep(0.05)

    ended = jobs.cancel(job_id)

    assert (ended.status, ended.error) == ("cancelled", "stopped in good order")


@pytest.mark.slow
def test_a_killed_worker_is_lost_not_running(jobs: Jobs, workspace: Workspace) -> None:
    job_id = start(jobs, workspace, steps=1000, pause=0.05)
    while not jobs.events(job_id):
        time.sleep(0.05)
    living = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    [worker] = [p for p in living if job_id in p.cmdline()]
    worker.kill()
    while worker.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    job = jobs.get(job_id)

    assert job.status == "lost"
    assert "run it again" in job.error


@pytest.mark.slow
def test_a_number_that_another_program_has_by_now_is_left_alone(
    jobs: Jobs, workspace: Workspace
) -> None:
    job_id = start(jobs, workspace, steps=0)
    list(jobs.watch(job_id, every_seconds=0.05))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        with Database(workspace).transaction() as session:
            row = session.get_one(JobRow, job_id)
            row.pid, row.status = stranger.pid, "running"

        assert jobs.get(job_id).status == "lost"
        jobs.cancel(job_id)

        assert stranger.poll() is None


def test_an_unknown_job_is_one_sentence(jobs: Jobs) -> None:
    with pytest.raises(NotFoundError, match="no job named 'x'; there is none yet"):
        jobs.get("x")


def test_a_line_that_is_being_written_is_left_for_later(jobs: Jobs, tmp_path: Path) -> None:
    jobs.emit("j", ProgressEvent("work", 1))
    with jobs.events_file("j").open("a") as file:
        file.write('{"stage": "wo')

    assert jobs.events("j") == [ProgressEvent("work", 1)]
