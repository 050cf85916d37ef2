"""Options that several commands have, and for whom a command acts."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ui.context import Context

CollectionOption = Annotated[str, typer.Option("--collection", help="The collection's name.")]
UserOption = Annotated[
    str, typer.Option("--user", help="For whom; by default the user in adapt.toml.")
]


def acting_user(context: "Context", named: str) -> str:
    """Return the user that was named, else the workspace's."""
    from ui.actions.chat import ChatSettings

    return named or context.workspace.settings("chat", ChatSettings).user
