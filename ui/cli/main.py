"""`adapt`: the commands put together, the flags that hold everywhere, and how errors leave the program."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from filelock import Timeout

from adapt.errors import AdaptError, CancelledError
from adapt.workspace.disk import AGAIN, is_disk_full
from adapt.workspace.folder import default_path, locked_out
from ui.cli import chat, feedback_commands, jobs, system
from ui.cli.documents import commands as documents, ingest, search
from ui.cli.merging import commands as merging, export as exporting
from ui.cli.models import bases, models, starter
from ui.cli.output import Output
from ui.cli.training import commands as training
from ui.environment import prepare

EPILOG = (
    "--workspace DIR and --json may stand anywhere in a command. "
    "Exit codes: 0 done, 2 something that you can correct, 1 a bug, 130 stopped by Ctrl-C."
)

# Typer carries its own click from 0.17 on and exports no common base of the faults in a command's words.
UsageFault = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    name="adapt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", help="Where everything is stored [ADAPT_WORKSPACE or ~/.adapt]."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")
    ] = False,
) -> None:
    """Make a language model yours by fine-tuning, documents and feedback, and merge it into one to keep."""
    ctx.obj = Output(workspace or default_path(), as_json=as_json)


for module in (
    chat, training, ingest, search, documents, merging, models, bases, exporting, feedback_commands, jobs, starter, system,
):  # fmt: skip
    module.register(app)


def hoist(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--workspace DIR` and `--json` first, wherever they stood before a `--`."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        if argument == "--json" or argument.startswith("--workspace="):
            front.append(argument)
        elif argument == "--workspace":
            front += [argument, *waiting[:1]]
            waiting = waiting[1:]
        else:
            rest.append(argument)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    prepare()
    Output.guard()
    words = hoist(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        code = app(words, standalone_mode=False, prog_name="adapt")
    except CancelledError as error:
        code = Output.fail(f"stopped: {error}", as_json=as_json, code=130)
    except AdaptError as error:
        code = Output.fail(str(error), as_json=as_json, code=2)
    except (KeyboardInterrupt, typer.Abort):
        code = Output.fail("stopped", as_json=as_json, code=130)
    except BrokenPipeError:
        # The reader of our output went away (`adapt … | head`): nothing is wrong, and nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Timeout as error:
        code = Output.fail(
            str(locked_out("this part of the workspace", error)), as_json=as_json, code=2
        )
    except OSError as error:
        if not is_disk_full(error):
            Output.guard()  # Typer has put a hook of its own for tracebacks
            raise
        sentence = f"the disk is full; {AGAIN}"
        code = Output.fail(sentence, as_json=as_json, code=2)
    except Exception as error:
        if not isinstance(error, UsageFault):
            Output.guard()
            raise
        code = Output.misused(error)  # type: ignore[arg-type]
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
