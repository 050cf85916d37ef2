"""A command group with a default command: `adapt merge NAME …` beside `adapt merge run FILE`."""

from typing import Any

from typer.core import TyperGroup


class DefaultGroup(TyperGroup):
    """Runs the hidden command `default` when the first word names no command of the group."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front where none was named; the context's class is private to typer."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["default", *args]
        return super().parse_args(ctx, args)
