"""Adding documents: files are given, a collection is named, and they are read in the background."""

import streamlit as st

from adapt.errors import AdaptError
from ui.actions.documents import IngestRequest, upload
from ui.components.safe import show_error
from ui.context import Context

KINDS = "pdf, docx, pptx, xlsx, csv, html, epub, odt, rtf, eml, md, txt, code and zip"
ME, SOME, ALL = "only me", "me and those I name", "everyone"


def show_upload(ctx: Context, chosen: str, *, user: str) -> None:
    """Draw the form; what it starts shows in the sidebar."""
    with (
        st.expander("Add documents", icon=":material/upload_file:", expanded=not chosen),
        st.form("upload", border=False, clear_on_submit=True),
    ):
        files = st.file_uploader(KINDS, accept_multiple_files=True, key="upload_files")
        name = st.text_input("Into the collection", value=chosen, key="upload_into")
        who = st.radio(
            "If it is new, who may read it?", [ME, SOME, ALL], horizontal=True, key="upload_who"
        )
        named = st.text_input("Names, if you name some, separated by commas", key="upload_readers")
        if st.form_submit_button("Read them", icon=":material/play_arrow:"):
            readers = named_users(named) if who == SOME else ()
            request = IngestRequest(
                paths=(), collection=name.strip(), user=user, private=who != ALL, readers=readers
            )
            _start(ctx, {file.name: file.getvalue() for file in files or []}, request)


def named_users(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _start(ctx: Context, files: dict[str, bytes], request: IngestRequest) -> None:
    if not files:
        st.warning("Choose files first.", icon=":material/upload_file:")
        return
    try:
        upload(ctx, files, request)
    except AdaptError as error:
        show_error(error)
    else:
        st.rerun()  # the sidebar shows how far it is
