"""What a search may choose, and what a point of its space means, by hand for methods of each kind."""

import pytest

from merge.methods.terms import Terms
from merge.methods.trial import RANGES, Space, Trial, known_methods, one_adapter


def test_a_trial_gives_each_tensor_its_values_and_the_defaults_of_the_rest() -> None:
    ties = Trial("ties", (0.5, 0.7), {"density": 0.3, "normalize": False})
    slerp = Trial("slerp", (0.5, 0.7), {"t": 0.3})

    assert ties.terms_of()("layer") == Terms(
        weights=(0.5, 0.7),
        sources={"density": (0.3, 0.3)},
        shared={"normalize": False, "rescale": False, "lambda": 1.0, "int8_mask": False},
        places=(0, 1),
        tensor="layer",
    )
    # a method without weights is not given any
    assert slerp.terms_of()("layer") == Terms(
        (1.0, 1.0), shared={"t": 0.3}, places=(0, 1), tensor="layer"
    )
    assert Trial("ties", (1.0,), {}).terms_of()("x").sources == {"density": (1.0,)}


def test_a_recipe_says_what_is_each_adapters_own_and_what_is_the_merges() -> None:
    ties = Trial("ties", (0.5, 0.7), {"density": 0.3, "lambda": 2.0})

    assert ties.parameters() == (
        {"lambda": 2.0},
        [{"weight": 0.5, "density": 0.3}, {"weight": 0.7, "density": 0.3}],
    )
    assert Trial("slerp", (0.5, 0.7), {"t": 0.3}).parameters() == ({"t": 0.3}, [{}, {}])


def test_a_trial_is_one_line_for_people() -> None:
    assert (
        Trial("ties", (0.5, 0.75), {"density": 0.3, "seed": 4}).line
        == "ties, weights 0.50 0.75, density 0.30, seed 4"
    )
    assert Trial("slerp", (1.0, 1.0), {"t": 0.3}).line == "slerp, t 0.30"


def test_one_adapter_alone_is_a_merge_with_its_weight_only() -> None:
    assert one_adapter(1, of=3) == Trial("task_arithmetic", (0.0, 1.0, 0.0), {})


@pytest.mark.parametrize(
    ("method", "fixed", "numbers"),
    [
        ("ties", {}, ["density"]),  # a sum: its weights set the scale
        ("ties", {"normalize": True}, ["density", "lambda"]),
        ("ties", {"normalize": True, "density": 0.5}, ["lambda"]),
        ("della", {}, ["density", "epsilon"]),
        ("breadcrumbs", {}, ["density", "gamma"]),
        ("task_arithmetic", {"normalize": True}, ["lambda"]),
        ("linear", {}, []),
        ("sce", {}, ["select_topk"]),
        ("slerp", {}, ["t"]),
    ],
)
def test_numbers_are_searched_that_a_method_has_and_a_recipe_leaves_open(
    method: str, fixed: dict[str, float | bool], numbers: list[str]
) -> None:
    assert Space((method,), 2, fixed).numbers(method) == numbers


def test_a_number_that_several_methods_have_is_one_dimension() -> None:
    space = Space(("ties", "breadcrumbs", "slerp"), 2, {})

    assert space.dimensions == {
        "weight 0": (0.0, 1.6),
        "weight 1": (0.0, 1.6),
        "density": (0.1, 1.0),
        "gamma": (0.0, 0.2),
        "t": (0.0, 1.0),
    }


def test_a_point_is_a_trial_in_four_places_without_the_numbers_of_other_methods() -> None:
    space = Space(("ties", "linear", "slerp"), 2, {"rescale": True, "t": 0.5})
    point = {"weight 0": 0.123456, "weight 1": 1, "density": 0.55557}

    assert space.trial({"method": "ties", **point}) == Trial(
        "ties", (0.1235, 1.0), {"rescale": True, "normalize": False, "density": 0.5556}
    )
    assert space.trial({"method": "linear", **point}) == Trial("linear", (0.1235, 1.0), {})
    assert space.trial({"method": "slerp", **point}) == Trial("slerp", (0.1235, 1.0), {"t": 0.5})
    with pytest.raises(TypeError, match="a number is wanted, not '1'"):
        space.trial({"method": "linear", **point, "weight 1": "1"})


def test_the_recipes_word_on_normalising_stays() -> None:
    point = {"method": "ties", "weight 0": 1.0, "density": 0.5, "lambda": 2.0}

    assert Space(("ties",), 1, {"normalize": True}).trial(point).values == {
        "normalize": True,
        "density": 0.5,
        "lambda": 2.0,
    }


def test_a_search_starts_at_weights_of_one_then_at_shares_and_last_at_what_takes_long() -> None:
    space = Space(("ties", "regmean"), 2, {}, once=("distill",))

    def start(method: str, weight: float) -> dict[str, object]:
        return {"method": method, "weight 0": weight, "weight 1": weight, "density": 0.8}

    # of regmean only the ratio of the weights counts
    assert space.starts() == [
        start("ties", 1.0),
        start("regmean", 1.0),
        start("ties", 0.5),
        start("distill", 1.0),
    ]
    assert len(Space(("ties",), 1, {}).starts()) == 1


def test_a_start_is_at_the_methods_defaults_and_within_the_ranges() -> None:
    space = Space(("breadcrumbs", "slerp", "della"), 4, {})

    breadcrumbs, slerp, *_ = space.starts()

    weights = {f"weight {i}": 1.0 for i in range(4)}
    own = {"density": 0.8, "epsilon": 0.1}
    assert breadcrumbs == {"method": "breadcrumbs", **weights, **own, "gamma": 0.01, "t": 1.0}
    assert slerp == {"method": "slerp", **weights, **own, "gamma": RANGES["gamma"][1], "t": 0.5}
    assert space.starts()[3]["weight 2"] == 0.25


def test_methods_that_are_none_are_named() -> None:
    assert known_methods(["ties", "tires", "slerp", "x"]) == ["tires", "x"]
