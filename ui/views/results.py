"""What the demo measured: base, adapters and merged models on each domain's held-out examples."""

import streamlit as st

from ui.components.opening import open_context, workspace_path
from ui.components.safe import errors_shown, plain
from ui.components.scoreboard import read_board, show_board, show_recovered

ctx = open_context(workspace_path())

st.title("Results", anchor=False)
with errors_shown():
    jobs = ctx.jobs.list()
    finished = [j for j in jobs if isinstance(j.result, dict) and "scoreboard" in j.result]
    if finished:
        newest = finished[0]
        st.caption(
            plain(f"{newest.title} · finished {newest.finished_at.replace('T', ' ')[:16]} UTC")
        )
        show_board(read_board(newest.result["scoreboard"]))
        show_recovered(newest.result.get("gain_recovered", {}))
    elif any(not job.ended for job in jobs):
        st.info("Still training: the table appears here when it is done.", icon=":material/timer:")
    else:
        st.info(
            "No results yet. `adapt ui --demo` trains, merges and measures in the background.",
            icon=":material/bar_chart:",
        )
