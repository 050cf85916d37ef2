"""Formulas of Office files as one line of text: fractions with a stroke, powers with ^, indices with _."""

from collections.abc import Callable

from lxml import etree

from retrieval.readers.zip.package import attribute, local


def formula(element: etree._Element) -> str:
    """Return a formula, or a part of one, as text."""
    name = local(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    read = SPECIAL.get(name)
    return read(element) if read else _inner(element)


def _inner(element: etree._Element) -> str:
    return "".join(formula(child) for child in element)


def _part(element: etree._Element, name: str) -> str:
    return "".join(formula(child) for child in element if local(child) == name)


def _setting(element: etree._Element, name: str, default: str) -> str:
    """Return a setting of a part of a formula; one that is there without a value is empty."""
    for group in element:
        for setting in group if local(group).endswith("Pr") else ():
            if local(setting) == name:
                return attribute(setting, "val") or ""
    return default


def _sum(element: etree._Element) -> str:
    low, high = _part(element, "sub"), _part(element, "sup")
    limits = (f"_{_group(low)}" if low else "") + (f"^{_group(high)}" if high else "")
    return f"{_setting(element, 'chr', '∫')}{limits} {_part(element, 'e')}"


def _delimited(element: etree._Element) -> str:
    inner = ", ".join(formula(child) for child in element if local(child) == "e")
    return f"{_setting(element, 'begChr', '(')}{inner}{_setting(element, 'endChr', ')')}"


def _joined(element: etree._Element, first: str, sign: str, second: str) -> str:
    return f"{_group(_part(element, first))}{sign}{_group(_part(element, second))}"


def _group(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"


SPECIAL: dict[str, Callable[[etree._Element], str]] = {
    "f": lambda e: _joined(e, "num", "/", "den"),
    "sSup": lambda e: _joined(e, "e", "^", "sup"),
    "sSub": lambda e: _joined(e, "e", "_", "sub"),
    "sSubSup": lambda e: f"{_joined(e, 'e', '_', 'sub')}^{_group(_part(e, 'sup'))}",
    "nary": _sum,
    "rad": lambda e: f"{_part(e, 'deg')}√({_part(e, 'e')})",
    "d": _delimited,
    "mr": lambda e: ", ".join(formula(child) for child in e) + "; ",
}
