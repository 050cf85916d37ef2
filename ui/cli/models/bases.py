"""`adapt bases`: base models worth using, and fetching one."""

from typing import Annotated

import typer

from ui.cli.output import Output, table

BASES = """Base models worth using: small instruct models that know Spanish by their cards, or over a hundred languages.

Sizes on disk are those of the weights. Memory is estimated: a chat over 4,096 tokens, a LoRA training with passes of 1,024,
on a CPU. "fits" compares it with what this machine has free, and has at all. Examples:

  adapt bases

  adapt bases --json

  adapt bases fetch Qwen/Qwen3-0.6B
"""
FETCH = """Fetch a base model of the Hugging Face hub, of the list or not, and check it.

What was fetched is kept: after Ctrl-C, a kill or a lost network, the same command goes on where it ended. Afterwards every
file is compared with the hub's own size and hash, the weights' headers are read, and tokenizer and chat template are opened;
no pickle and no code of the repository is fetched. Then `--base ID` and `--model ID` work without a network. A gated model
(Gemma, Llama) needs HF_TOKEN. The files lie in the hub's cache; HF_HOME moves it. Examples:

  adapt bases fetch Qwen/Qwen3-0.6B

  HF_TOKEN=hf_… adapt bases fetch google/gemma-3-1b-it

  adapt bases fetch BSC-LT/salamandra-2b-instruct --background   (then: adapt jobs watch JOB)
"""
GIGABYTE = 1e9
bases_app = typer.Typer(invoke_without_command=True, help=BASES)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(bases_app, name="bases")


@bases_app.callback()
def list_known(ctx: typer.Context) -> None:
    """Print the list."""
    if ctx.invoked_subcommand is not None:
        return
    from ui.actions.bases import list_bases

    output: Output = ctx.obj
    listed = list_bases()
    shown = table(
        "",
        "id",
        "here",
        "licence",
        "disk",
        "chat",
        "fits",
        "training",
        "fits",
        "context",
        "languages",
    )
    for entry in listed:
        known = entry.known
        shown.add_row(
            known.id,
            "here" if entry.here else "",
            known.licence + (" (gated)" if known.gated else ""),
            _gigabytes(known.disk_bytes),
            _gigabytes(known.chat_bytes),
            entry.fits_chat,
            _gigabytes(known.training_bytes),
            entry.fits_training,
            f"{known.context:,}",
            known.languages,
        )
    output.result({"bases": [entry.as_json() for entry in listed]}, shown)
    if not output.as_json:
        output.say(
            "fetch one with: adapt bases fetch ID; then: adapt chat --model ID, adapt finetune … --base ID"
        )


@bases_app.command(help=FETCH)
def fetch(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="owner/name, as the hub has it.")],
    background: Annotated[
        bool, typer.Option("--background", help="Fetch it in a process of its own.")
    ] = False,
) -> None:
    """Parse, fetch, print."""
    from ui.actions import bases as base_actions

    output: Output = ctx.obj
    context = output.open()
    if background:
        output.job(base_actions.start_fetch(context, name))
        return
    with output.progress() as progress:
        fetched = base_actions.fetch(context, name, progress=progress)
    for note in fetched.notes:
        output.say(f"note: {note}")
    output.result(
        base_actions.fetched_json(fetched),
        f"{fetched.base.id} is here and complete: {_gigabytes(fetched.bytes)} in {fetched.base.path}, licence "
        f"{fetched.licence or 'not stated'}; use it with --base {fetched.base.id} or --model {fetched.base.id}",
    )


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
