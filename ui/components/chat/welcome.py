"""What an empty conversation shows."""

import json

import streamlit as st

from ui.components import talk
from ui.components.choices import DEMO_COLLECTION
from ui.components.safe import plain
from ui.demo.run import DATA

EXAMPLES = 3


def show_welcome(collection: str) -> None:
    """Say what can be done here; over the demo's documents, offer questions that they answer."""
    st.header("Ask your documents, or just talk", anchor=False)
    st.caption(
        "Answers name the passages they come from. What you like or correct goes into the next "
        "similar question."
    )
    if collection == DEMO_COLLECTION:
        for question in _examples():
            st.button(
                plain(question),
                key=f"example-{question}",
                icon=":material/chat_bubble:",
                on_click=talk.wait_with,
                args=(question,),
            )


@st.cache_data
def _examples() -> list[str]:
    lines = (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[: EXAMPLES * 3 : 3]]
