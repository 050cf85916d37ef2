"""What the demo measured: base, adapters and merged models on each domain's held-out examples."""

import streamlit as st

from ui.components.models.scoreboard import newest_result, read_board, show_board, show_recovered
from ui.components.opening import open_context, workspace_path
from ui.components.safe import errors_shown, plain

ctx = open_context(workspace_path())

st.header("Results", anchor=False)
with errors_shown():
    jobs = ctx.jobs.list()
    newest = newest_result(jobs)
    if newest:
        job, result = newest
        st.caption(plain(f"{job.title} · finished {job.finished_at.replace('T', ' ')[:16]} UTC"))
        show_board(read_board(result["scoreboard"]))
        show_recovered(result.get("gain_recovered", {}))
    elif any(not job.ended for job in jobs):
        st.info("Still training: the table appears here when it is done.", icon=":material/timer:")
    else:
        st.info(
            "No results yet. `adapt ui --demo` trains, merges and measures in the background.",
            icon=":material/bar_chart:",
        )
