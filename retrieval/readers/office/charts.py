"""The text of charts and diagrams in Office files: titles, and the numbers behind a chart as a table."""

from collections.abc import Iterator

from lxml import etree

from retrieval.readers.encodings import clean
from retrieval.readers.table_text import row, table
from retrieval.readers.zip.package import attribute, local

MAX_POINTS = 10_000


def chart_text(root: etree._Element) -> str:
    """Return a chart's titles, and its series as the columns of a table, a row for each category."""
    titles = [_words(title) for title in root.iter() if local(title) == "title"]
    parts = [title for title in titles if title]
    for plot in root.iter():
        if local(plot) != "plotArea":
            continue
        series = [element for element in plot.iter() if local(element) == "ser"]
        parts.append(_table(series))
    return "\n".join(part for part in parts if part)


def _table(series: list[etree._Element]) -> str:
    names: list[str] = []
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for element in series:
        parts = {local(child): child for child in element}
        names.append(" ".join(_points(parts["tx"]).values()) if "tx" in parts else "")
        for kind in ("cat", "xVal"):
            if kind in parts:
                categories |= _points(parts[kind])
        values = parts.get("val", parts.get("yVal"))
        columns.append(_points(values) if values is not None else {})
    places = sorted({place for column in columns for place in column} | set(categories))
    lines = [row(["", *names])]
    lines += [
        row([categories.get(place, ""), *(column.get(place, "") for column in columns)])
        for place in places[:MAX_POINTS]
    ]
    return clean("\n".join(line for line in lines if line))


def _points(element: etree._Element) -> dict[int, str]:
    """Return the stored values of a series by their place."""
    points: dict[int, str] = {}
    for point in element.iter():
        if local(point) != "pt":
            continue
        texts = [child.text or "" for child in point if local(child) == "v"]
        place = attribute(point, "idx") or ""
        if texts and place.isdigit():
            # the inner level of grouped categories comes first; the outer one is put before it
            old = points.get(int(place))
            points[int(place)] = _short(texts[0]) if old is None else f"{texts[0]} {old}"
    if not points:
        texts = [child.text or "" for child in element.iter() if local(child) == "v"]
        points = {0: texts[0]} if texts else {}
    return points


def _short(text: str) -> str:
    """Return a number without the noise of its binary form: 8.1999999999999993 is 8.2."""
    try:
        return f"{float(text):.12g}" if len(text) > 12 and "." in text else text
    except ValueError:
        return text


def _words(element: etree._Element) -> str:
    return clean(" ".join("".join(paragraph(p)) for p in element.iter() if local(p) == "p")).strip()


def paragraph(element: etree._Element) -> Iterator[str]:
    """Yield the text of a paragraph of a drawing."""
    for child in element:
        name = local(child)
        if name == "t":
            yield child.text or ""
        elif name == "br":
            yield "\n"
        elif name in ("r", "fld", "AlternateContent", "Choice", "m", "oMath", "oMathPara"):
            yield from paragraph(child)


def diagram_text(root: etree._Element) -> str:
    """Return the texts of a diagram (SmartArt), one a line."""
    texts = ["".join(paragraph(p)).strip() for p in root.iter() if local(p) == "p"]
    return clean("\n".join(text for text in texts if text))


def drawing_table(element: etree._Element) -> str:
    """Return a table of a drawing as rows; what a merged cell covers stays empty."""
    rows = []
    for line in element:
        if local(line) == "tr":
            cells = [cell for cell in line if local(cell) == "tc"]
            rows.append(
                [
                    " ".join("".join(paragraph(p)) for p in cell.iter() if local(p) == "p")
                    for cell in cells
                ]
            )
    return clean(table(rows))
