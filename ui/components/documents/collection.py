"""One collection: what it holds, a search in it, its versions, who may read it, and removing documents for good."""

import streamlit as st

from adapt.records import Passage
from retrieval.collections.access import Access, private
from retrieval.collections.collection import Collection
from ui.actions import documents as actions
from ui.components.documents.upload import ALL, ME, SOME, named_users
from ui.components.passage import show_passage
from ui.components.safe import errors_shown, plain, show_table
from ui.context import Context
from ui.display.printable import printable_line

FOUND = 5


def show_contents(collection: Collection) -> None:
    """Draw the documents, and the files that could not be read with their reasons."""
    documents, parked = collection.documents(), collection.parked()
    chunks = sum(entry.chunks for entry in documents.values())
    st.caption(
        plain(
            f"{len(documents)} documents, {chunks:,} chunks · version {collection.version} · "
            f"{collection.access.describe()}"
        )
    )
    rows: list[dict[str, str | int]] = [
        {
            "document": name,
            "title": entry.title,
            "pages": entry.pages,
            "chunks": entry.chunks,
            "warnings": " ".join(entry.warnings),
        }
        for name, entry in documents.items()
    ]
    if rows:
        show_table(rows)
    if parked:
        count = "1 file" if len(parked) == 1 else f"{len(parked)} files"
        with st.expander(f"{count} could not be read", icon=":material/report:"):
            show_table([{"file": name, "why": file.reason} for name, file in parked.items()])


def show_search(ctx: Context, name: str, *, user: str) -> None:
    """Draw a field for a question, and the passages with what each part of the search gave them."""
    asked = st.text_input("Search", key=f"search-{name}", placeholder="When does the office open?")
    if not asked.strip():
        return
    with errors_shown():
        result = actions.search(ctx, asked, collection=name, user=user, changes={"top_k": FOUND})
        if not result.passages:
            st.info("Nothing in these documents is close to that.", icon=":material/search_off:")
        for passage in result.passages:
            _show_match(ctx, passage, collection=name, user=user)
        st.caption(plain(result.account))


def show_versions(ctx: Context, collection: Collection, *, user: str) -> None:
    """Draw the versions with a button that brings an earlier one back."""
    current, *earlier = collection.versions()
    with st.expander("Versions", icon=":material/history:"):
        st.caption(plain(f"version {current.version} is visible now, made {current.made_at}"))
        for manifest in earlier:
            left, right = st.columns([3, 1], vertical_alignment="center")
            left.caption(
                plain(
                    f"version {manifest.version}, {len(manifest.documents)} documents, made {manifest.made_at}"
                )
            )
            if right.button("Bring back", key=f"back-{collection.name}-{manifest.version}"):
                actions.rollback(ctx, collection.name, user=user, version=manifest.version)
                st.rerun()


def show_access(ctx: Context, collection: Collection, *, user: str) -> None:
    """Draw who may read it, to be changed by its owner."""
    access = collection.access
    with st.expander("Who may read it", icon=":material/group:"):
        choices = [ME, SOME, ALL]
        now = ALL if access.public else SOME if access.readers else ME
        who = st.radio(
            "Who may read it?",
            choices,
            index=choices.index(now),
            horizontal=True,
            key=f"who-{collection.name}",
        )
        named = st.text_input(
            "Names, separated by commas",
            value=", ".join(access.readers),
            disabled=who != SOME,
            key=f"readers-{collection.name}",
        )
        if st.button("Save", key=f"share-{collection.name}"):
            with errors_shown():
                readers = named_users(named) if who == SOME else ()
                chosen = Access(owner=user) if who == ALL else private(user, readers)
                actions.share(ctx, collection.name, chosen, user=user)
                st.rerun()


def show_removal(ctx: Context, collection: Collection, *, user: str) -> None:
    """Draw a picker of documents and a button that removes them for good."""
    names = [*collection.documents(), *collection.parked()]
    with st.expander("Remove for good", icon=":material/delete:"):
        st.caption(
            "Text and vectors leave every file, earlier versions go, and what stored prompts held of them too. "
            "Answers stay as they were given."
        )
        chosen = st.multiselect(
            "Documents", names, format_func=printable_line, key=f"remove-{collection.name}"
        )
        sure = st.checkbox("I am sure", key=f"sure-{collection.name}")
        if st.button("Remove", key=f"removal-{collection.name}", disabled=not (chosen and sure)):
            actions.remove_documents(ctx, collection.name, chosen, user=user)
            st.rerun()


def _show_match(ctx: Context, passage: Passage, *, collection: str, user: str) -> None:
    scores = " · ".join(f"{name} {score:.3f}" for name, score in passage.scores.items())
    title = plain(f"{passage.label} · {passage.score:.3f}")
    with st.expander(title, icon=":material/description:"):
        view = actions.open_passage(
            ctx,
            passage.chunk.chunk_id,
            user=user,
            collection=collection,
            text=passage.chunk.text,
        )
        if view is not None:
            show_passage(view, role=scores)
