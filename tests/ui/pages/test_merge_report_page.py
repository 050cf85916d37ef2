"""A merged model on the models page: the verdict first, everything shown as it is, and no promotion below the base."""

from pathlib import Path

import pytest

from adapt.evaluation.tasks import Scores
from merge.report.geometry import Analysis, Geometry
from merge.report.report import DomainResult, Report
from tests.ui.driver import App

EVIL = "dates [x](http://evil.example)"


def stored_report() -> Report:
    sides = [[0.0, 1.0] * 10, [1.0] * 20, [0.0] * 20]
    scores = [Scores(EVIL, "exact", tuple(values), ()) for values in sides]
    layer = Geometry("layer 0", (1.0, 1.0), ((1.0, -0.2), (-0.2, 1.0)), ((0.0, 0.6), (0.6, 0.0)))
    return Report(
        (DomainResult("a@1", *scores),),
        "ties of a@1, b@1",
        is_plain=False,
        controls={"random adapter": {EVIL: 0.1}},
        analysis=Analysis(("a@1", EVIL), layer, (layer,)),
    )


@pytest.mark.slow
def test_a_merge_below_the_base_is_shown_and_not_promoted(app: App, tmp_path: Path) -> None:
    with app.ctx.registry.stage("merged") as staging:
        (staging.path / "x").write_text("x")
        staging.publish("model", metrics=stored_report().as_metrics())
    app.run()

    app.page.switch_page("views/models.py")
    app.run()

    (verdict,) = app.page.error
    assert verdict.value.startswith("WORSE than the base on dates")
    assert not any("](http" in element.value for element in (*app.page.error, *app.page.markdown))
    assert app.page.button(key="promote-merged@1").disabled
    tables = [frame.value for frame in app.page.dataframe]
    assert any("own adapter" in table and table["base"].tolist() == [0.5] for table in tables)
    assert any("random adapter" in str(table.to_dict()) for table in tables)
