"""`adapt export`: a model or an adapter, out of the workspace, in the form that its next engine opens."""

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.output import Output

EXPORT = """Take a model or an adapter out of the workspace, open the result again, and compare what it answers.

Examples:

  adapt export team --to hf --out ./team

  adapt export team --to gguf --type q8_0 --out team.gguf

  adapt export team --to ollama --out ./team-ollama && ollama create team -f ./team-ollama/Modelfile

  adapt export support dates --to vllm --out ./served && ./served/serve.sh

  HF_TOKEN=… adapt export team --to hub --repo me/team
"""
TO = "hf: a plain folder; gguf: llama.cpp; ollama: GGUF and Modelfile; vllm: base, adapters and launch line; hub: upload."
TYPE = (
    "gguf, ollama: f32, f16, bf16, q8_0, or made by llama.cpp: q4_k_m, q5_k_m, q6_k and others; by default f32 up to "
    "100M parameters, so that it answers as Adapt does, and else the model's own dtype."
)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("export", help=EXPORT)(export)


def export(
    ctx: typer.Context,
    references: Annotated[
        list[str],
        typer.Argument(help="NAME, NAME@version or NAME@alias; for vllm also several adapters."),
    ],
    to: Annotated[str, typer.Option(help=TO)] = "hf",
    out: Annotated[
        Path | None, typer.Option(help="A new folder, or for gguf a new file; not for hub.")
    ] = None,
    kind: Annotated[str, typer.Option("--type", help=TYPE)] = "",
    verify: Annotated[
        bool, typer.Option(help="Open the result again and compare its answers to 20 prompts.")
    ] = True,
    accept_licences: Annotated[
        bool,
        typer.Option(
            "--accept-licences",
            help="Export although the licences of what it is made of conflict; the card says so.",
        ),
    ] = False,
    repo: Annotated[
        str, typer.Option(help="hub: OWNER/NAME; the token is read from HF_TOKEN.")
    ] = "",
    public: Annotated[
        bool, typer.Option("--public", help="hub: a new repository is public; else private.")
    ] = False,
) -> None:
    """Parse, write, print."""
    from merge.export.job import Request
    from ui.actions.export import export as write

    output: Output = ctx.obj
    request = Request(
        form=to,
        kind=kind.lower(),
        verify=verify,
        accept_licences=accept_licences,
        repository=repo,
        private=not public,
    )
    with output.progress() as progress:
        exported = write(output.open(create=False), references, out, request, progress=progress)
    for warning in (
        *exported.licences.conflicts,
        *exported.licences.warnings,
        *exported.licences.asks,
    ):
        output.say(f"licences: {warning}")
    named = ", ".join(exported.artifacts)
    output.result(
        exported.as_json(), f"{named} → {exported.path}\n{exported.verification.sentence}"
    )
