"""A command group with a default command: `adapt merge NAME …` beside `adapt merge run FILE`."""

import difflib
from typing import Any

import typer
from typer.core import TyperGroup

NEAR = 0.75  # how alike a word is to a command that it is taken for a slip of; `analyze` and `analyse` are at 0.86


class DefaultGroup(TyperGroup):
    """Runs the hidden command `default` when the first word names no command of the group.

    Its help is that of the default command, options and all, and then the group's other commands.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front where none was named; the context's class is private to typer."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            self.check_first(args[0])
            args = ["default", *args]
        return super().parse_args(ctx, args)

    def check_first(self, word: str) -> None:
        """Look at a first word that names no command, before the default command takes it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of the default command and the names of the others."""
        default = self.commands["default"]
        shown = default.context_class(default, info_name=self.name, parent=ctx.parent)
        default.format_help(shown, formatter)
        others = [
            (name, command.get_short_help_str(limit=100))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        width = max(len(name) for name, _ in others)
        lines = [f"  adapt {self.name} {name:<{width}}  {text}" for name, text in others]
        formatter.write(
            "\n".join(["Other commands, each with a --help of its own:", "", *lines, ""])
        )


class NamingGroup(DefaultGroup):
    """A group whose default command makes something of the name that it is given, so that a slip of a command is refused."""

    def check_first(self, word: str) -> None:
        """Refuse a word that is nearly the name of a command.

        Raises:
            typer.BadParameter: it is.
        """
        known = [name for name, command in self.commands.items() if not command.hidden]
        near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=NEAR)
        if near:
            raise typer.BadParameter(
                f"no command '{word}'; did you mean 'adapt {self.name} {near[0]}'? A name so near a command's can be given "
                f"after 'default': adapt {self.name} default {word} …"
            )
