"""Long work in the sidebar: how far it has come, a button to cancel it, and how it ended."""

import streamlit as st

from adapt.jobs.jobs import Job
from adapt.records import ProgressEvent
from ui.actions.documents import visible_jobs
from ui.components.person import current_user
from ui.components.safe import errors_shown, plain
from ui.context import Context

REFRESH_SECONDS = 2


def show_jobs(ctx: Context) -> None:
    """Draw the jobs; while one runs, again every two seconds without the rest of the page."""
    jobs = _shown(ctx)
    st.session_state["active_jobs"] = {job.job_id for job in jobs if not job.ended}
    if not jobs:
        return
    every = REFRESH_SECONDS if st.session_state["active_jobs"] else None
    st.fragment(_show, run_every=every)(ctx)


def _show(ctx: Context) -> None:
    jobs = _shown(ctx)
    active = {job.job_id for job in jobs if not job.ended}
    if active != st.session_state.get("active_jobs", active):
        st.rerun()  # one began or ended: there may be a new adapter to choose
    for job in jobs:
        _show_job(ctx, job)


def _shown(ctx: Context) -> list[Job]:
    """Return the newest job and all that run."""
    jobs = visible_jobs(ctx, current_user())
    return [job for place, job in enumerate(jobs) if place == 0 or not job.ended]


def _show_job(ctx: Context, job: Job) -> None:
    if job.ended:
        _show_ended(job)
        return
    events = ctx.jobs.events(job.job_id)
    last = events[-1] if events else ProgressEvent("starting")
    share = min(last.done / last.total, 1.0) if last.total else 0.0
    st.progress(share, text=plain(_line(last)))
    st.caption(plain(job.title))
    if st.button("Cancel", key=f"cancel-{job.job_id}", icon=":material/stop_circle:"):
        with errors_shown(), st.spinner("Stopping …"):
            ctx.jobs.cancel(job.job_id)
        st.rerun()


def _show_ended(job: Job) -> None:
    title = plain(job.title)
    if job.status == "done":
        st.caption(f":material/check_circle: {title}: done")
        if isinstance(job.result, dict) and "scoreboard" in job.result:
            st.page_link("views/results.py", label="See the results", icon=":material/bar_chart:")
    elif job.status == "cancelled":
        st.caption(f":material/cancel: {title}: cancelled")
    else:
        st.error(f"{title}: {plain(job.error)}", icon=":material/error:")


def _line(event: ProgressEvent) -> str:
    """Return stage, count and detail in one line."""
    count = f"{event.done:,.0f} of {event.total:,.0f}" if event.total else ""
    return " · ".join(part for part in (event.stage, count, event.detail) if part)
