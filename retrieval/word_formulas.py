"""Formulas of Office files as one line of text: fractions with a stroke, powers with ^, indices with _."""

from lxml import etree

from retrieval.package import attribute, local


def formula(element: etree._Element) -> str:
    """Return a formula, or a part of one, as text."""
    name = local(element)
    if name == "t":
        return element.text or ""
    if name in ("rPr", "ctrlPr") or name.endswith("Pr"):
        return ""
    parts = {local(child): child for child in element}
    if name in FORMS:
        names, form = FORMS[name]
        texts = [formula(parts[one]) if one in parts else "" for one in names]
        return form.format(*(_group(t) if "{" in form and len(names) > 1 else t for t in texts))
    if name == "nary":
        sign = next((attribute(c, "val") for c in element.iter() if local(c) == "chr"), None) or "∫"
        low, high = (formula(parts[one]) if one in parts else "" for one in ("sub", "sup"))
        limits = (f"_{_group(low)}" if low else "") + (f"^{_group(high)}" if high else "")
        return f"{sign}{limits} {formula(parts['e']) if 'e' in parts else ''}"
    if name == "rad":
        root = formula(parts["deg"]) if "deg" in parts else ""
        return f"{root}√({formula(parts['e']) if 'e' in parts else ''})"
    if name == "d":
        signs = {local(c): attribute(c, "val") or "" for c in element.iter() if local(c) in ("begChr", "endChr")}
        inner = ", ".join(formula(child) for child in element if local(child) == "e")
        return f"{signs.get('begChr', '(')}{inner}{signs.get('endChr', ')')}"
    if name == "mr":
        return ", ".join(formula(child) for child in element) + "; "
    return "".join(formula(child) for child in element)


FORMS = {
    "f": (("num", "den"), "{}/{}"),
    "sSup": (("e", "sup"), "{}^{}"),
    "sSub": (("e", "sub"), "{}_{}"),
    "sSubSup": (("e", "sub", "sup"), "{}_{}^{}"),
}


def _group(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"
