"""Calendars (iCalendar, RFC 5545) as a person reads them: what, when, where, who, one event after another."""

import re
from datetime import datetime

SHOWN = {
    "SUMMARY": "Event", "DTSTART": "Start", "DTEND": "End", "DURATION": "Duration", "DUE": "Due", "LOCATION": "Place",
    "ORGANIZER": "Organiser", "ATTENDEE": "Guest", "STATUS": "Status", "RRULE": "Repeats", "URL": "Link",
    "DESCRIPTION": "About",
}  # fmt: skip
COMPONENTS = frozenset(("VEVENT", "VTODO", "VJOURNAL"))
FOLD = re.compile(r"\r?\n[ \t]")
PROPERTY = re.compile(r'([A-Za-z-]+)((?:;[A-Za-z-]+=(?:"[^"]*"|[^";:]*))*):(.*)')
MOMENT = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
ESCAPED = re.compile(r"\\([\\;,nN])")


def read_calendar(text: str) -> str:
    """Return the events of a calendar, a line for each thing said of one; the text itself where it is no calendar."""
    lines: list[str] = []
    inside = 0
    for line in FOLD.sub("", text).splitlines():
        match = PROPERTY.fullmatch(line.strip())
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3]
        if name in ("BEGIN", "END") and value.upper() in COMPONENTS:
            inside += 1 if name == "BEGIN" else -1
            lines.append("")
        elif inside > 0 and name in SHOWN and value.strip():
            lines.append(f"{SHOWN[name]}: {_value(name, parameters, value)}")
    return "\n".join(lines).strip() or text


def _value(name: str, parameters: str, value: str) -> str:
    if name in ("DTSTART", "DTEND", "DUE"):
        zone = re.search(r'TZID="?([^";:]+)', parameters, re.IGNORECASE)
        return _moment(value, zone[1] if zone else "")
    if name in ("ORGANIZER", "ATTENDEE"):
        called = re.search(r'CN="?([^";]+)', parameters, re.IGNORECASE)
        address = re.sub(r"^mailto:", "", value.strip(), flags=re.IGNORECASE)
        return f"{called[1]} <{address}>" if called else address
    return ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], value).strip()


def _moment(value: str, zone: str) -> str:
    """Return a date or a time as people write it, with its zone; what is neither as it stands."""
    match = MOMENT.fullmatch(value.strip())
    if match is None:
        return value.strip()
    day, time, utc = match.groups()
    try:
        moment = datetime.strptime(day + (time or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007  its zone is written behind it
    except ValueError:
        return value.strip()
    if time is None:
        return moment.strftime("%Y-%m-%d")
    behind = " UTC" if utc else f" {zone}" if zone else ""
    return moment.strftime("%Y-%m-%d %H:%M") + behind
