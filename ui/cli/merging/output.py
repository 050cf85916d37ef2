"""How merges are shown on the command line: methods, a report, the geometry of adapters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ui.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from adapt.registry.artifacts import Artifact
    from merge.mergekit.check import MergekitReport
    from merge.report.advice import Advised
    from merge.report.geometry import Analysis, Geometry


def methods_table() -> "tuple[dict[str, object], Table]":
    """Return every method for scripts, and as a table with a line per parameter."""
    from merge.methods.catalogue import SPECS

    shown = table("", "method", "parameter", "range", "default", "what it does")
    rows: list[dict[str, object]] = []
    for spec in SPECS.values():
        parameters: list[dict[str, object]] = []
        for place, parameter in enumerate(spec.parameters):
            allowed = ", ".join(parameter.choices) if parameter.choices else parameter.range
            if isinstance(parameter.default, bool):
                allowed = "true, false"
            each = " (each model)" if parameter.per_source else ""
            name = spec.name if not place else spec.paper if place == 1 else ""
            shown.add_row(
                name, parameter.name + each, allowed, str(parameter.default), parameter.help
            )
            parameters.append(
                {"name": parameter.name, "range": allowed, "default": parameter.default, "help": parameter.help,
                 "per_source": parameter.per_source}
            )  # fmt: skip
        rows.append({"method": spec.name, "paper": spec.paper, "parameters": parameters})
    return {"methods": rows}, shown


def report_text(artifact: "Artifact") -> str:
    """Return the report that a merged artifact's card holds, verdict first; empty where nothing was measured."""
    report = artifact.card.metrics.get("merge_report")
    if not isinstance(report, dict):
        return ""
    lines = [str(report["verdict"]), str(report["advice_line"])]
    domains = report["domains"]
    if isinstance(domains, dict):
        lines += [_domain_line(name, domain) for name, domain in domains.items()]
    controls = report["controls"]
    if isinstance(controls, dict):
        lines += [
            f"  {name}: " + ", ".join(f"{d} {m:.3f}" for d, m in _numbers(means))
            for name, means in controls.items()
        ]
    return "\n".join([*lines, ""])


def _domain_line(name: str, domain: object) -> str:
    if not isinstance(domain, Mapping):
        return name
    share = domain["gain_recovered"]
    kept = (
        f"keeps {100 * share['value']:.0f} % [{100 * share['low']:.0f}, {100 * share['high']:.0f}] of the gain"
        if share
        else "its adapter's gain is not significant"
    )
    means = [f"{who} {domain[who]['mean']:.3f}" for who in ("base", "own", "merged")]
    return f"  {name}: {', '.join(means)}; {kept}"


def _numbers(means: object) -> list[tuple[str, float]]:
    return [(str(k), float(v)) for k, v in means.items()] if isinstance(means, Mapping) else []


def analysis_text(analysis: "Analysis", advised: "Advised | None") -> str:
    """Return the advice where there is one, and the cosine and the share of opposed signs of each pair, by layer."""
    lines = [advised.line] if advised else [
        "not measured: from the weights alone; --validation ADAPTER=FILE says whether to merge"
    ]  # fmt: skip
    for first in range(len(analysis.adapters)):
        for second in range(first + 1, len(analysis.adapters)):
            lines += ["", f"{analysis.adapters[first]} and {analysis.adapters[second]}"]
            lines += _pair_lines([analysis.whole, *analysis.layers], first, second)
    return "\n".join(lines)


def _pair_lines(geometries: "Sequence[Geometry]", first: int, second: int) -> list[str]:
    lines = []
    for geometry in geometries:
        cosine, conflict = geometry.cosines[first][second], geometry.conflicts[first][second]
        if cosine is not None and conflict is not None:
            lines.append(
                f"  {geometry.name:<15} cosine {cosine:+.3f}   opposed signs {100 * conflict:.0f} %"
            )
    return lines


def mergekit_text(report: "MergekitReport") -> str:
    """Return what mergekit will do with a recipe."""
    size = f"{report.bytes_to_write / 1e6:.1f} MB to write, {report.bytes_free / 1e9:.1f} GB free"
    return f"{report.method} of {', '.join(report.models)} by mergekit, {report.output}: {size}"
