"""`adapt chat`: talk to a model in the terminal, or ask it one thing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.output import Output

if TYPE_CHECKING:
    from adapt.chat.engine import Generation
    from ui.actions.chat import Question
    from ui.context import Context

HELP = """Talk to a model, with your documents and your past feedback in the prompt.

In a conversation: /good and /bad rate the last answer, /right TEXT corrects it, /why shows its prompt and what
was searched for, /quit ends.

Examples:

  adapt chat --collection handbook

  adapt chat --domain support --once "Route this message: my bill is wrong"

  adapt chat --model team@2 --once "hello" --json

  adapt chat --tools tools.json --once "Please book a room for 5 people."
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("chat", help=HELP)(chat)


def chat(
    ctx: typer.Context,
    user: Annotated[str, typer.Option(help="Whose conversation and feedback this is.")] = "",
    domain: Annotated[str, typer.Option(help="An adapter to answer with, NAME[@version].")] = "",
    collection: Annotated[str, typer.Option(help="Documents to answer from.")] = "",
    model: Annotated[
        str, typer.Option(help="A merged model NAME[@v], a folder, a hub id, or 'starter'.")
    ] = "",
    base: Annotated[str, typer.Option(help="The same as --model.", hidden=True)] = "",
    tools: Annotated[
        Path | None,
        typer.Option(help="JSON file of tools (OpenAI's form) that an answer may call."),
    ] = None,
    once: Annotated[str | None, typer.Option(help="Ask this, print the answer, end.")] = None,
) -> None:
    """Parse, then talk."""
    from adapt.models.decoding.tools import read_tools
    from ui.actions.chat import ChatSettings, Question

    output: Output = ctx.obj
    context = output.open()
    defaults = context.workspace.settings("chat", ChatSettings)
    question = Question(
        text=once or "",
        user=user or defaults.user,
        model=model or base,
        domain=domain,
        collection=collection or defaults.collection,
        tools=read_tools(tools) if tools else (),
    )
    if once is not None:
        _once(output, context, question)
    else:
        _converse(output, context, question)


def _once(output: Output, context: "Context", question: "Question") -> None:
    from retrieval.prompt.citations import cited
    from ui.actions.chat import ask

    generation, session_id = ask(context, question)
    text = _stream(output, generation, show=not output.as_json)
    account = generation.prompt.as_account()
    passages = [
        {
            "number": n,
            "document": p.passage.chunk.document,
            "page": p.passage.chunk.page,
            "text": p.passage.chunk.text,
        }
        for n, p in enumerate(generation.prompt.cited, start=1)
        if p.passage
    ]
    if output.as_json:
        data = {
            "answer": text,
            "turn": generation.turn_id,
            "session": session_id,
            "passages": passages,
            "notices": account["notices"],
            **generation.cleaned.as_account(),
            "cited": cited(text, generation.prompt.cited),
            "prompt": account,
        }
        output.result(data, "")
    else:
        _show_sources(output, generation)


def _stream(output: Output, generation: "Generation", *, show: bool) -> str:
    """Print an answer as it comes and return it; Ctrl-C stops the answer, which is kept as far as it came."""
    try:
        for piece in generation.stream():
            if show:
                output.piece(piece)
    except KeyboardInterrupt:
        generation.stop()
    finally:
        if show:
            output.piece("\n")
    return generation.wait()


def _show_sources(output: Output, generation: "Generation") -> None:
    from retrieval.prompt.citations import notes

    if generation.prompt.searched_by:
        output.say(f"searched for: {generation.prompt.searched}")
    for number, piece in enumerate(generation.prompt.cited, start=1):
        output.say(f"  [{number}] {piece.label}")
    for notice in generation.prompt.notices:
        output.say(f"note: {notice.text}")
    if removed := generation.cleaned.removed:
        what = "1 citation" if removed == 1 else f"{removed} citations"
        output.say(f"note: {what} that pointed nowhere removed")
    for note in notes(generation.cleaned):
        output.say(f"note: {note}")


def _converse(output: Output, context: "Context", question: "Question") -> None:
    from dataclasses import replace

    from adapt.errors import AdaptError
    from ui.actions.chat import ask

    output.say("Ask something. /good /bad /right TEXT /why /quit")
    last: Generation | None = None
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            return
        if line in ("/quit", "/exit"):
            return
        if line.startswith("/"):
            _command(output, context, question.user, last, line)
        elif line:
            try:
                last, session_id = ask(context, replace(question, text=line))
                question = replace(question, session_id=session_id)
                _stream(output, last, show=True)
                _show_sources(output, last)
            except AdaptError as error:
                output.fail(str(error), as_json=False, code=2)


def _command(
    output: Output, context: "Context", user: str, last: "Generation | None", line: str
) -> None:
    from ui.actions.chat import rate

    word, _, rest = line.partition(" ")
    if last is None:
        output.say("ask something first")
    elif word in ("/good", "/bad"):
        rate(
            context,
            last.turn_id,
            user=user,
            rating=1 if word == "/good" else -1,
            comment=rest or None,
        )
        output.say("noted")
    elif word == "/right" and rest:
        rate(context, last.turn_id, user=user, rating=-1, correction=rest)
        output.say("noted; the next similar question will see it")
    elif word == "/why":
        output.say(f"searched for: {last.prompt.searched}")
        for message in last.prompt.messages:
            output.say_lines(f"[{message.role}] {message.content}")
    else:
        output.say(f"no command {line!r}; there is /good /bad /right TEXT /why /quit")
