"""The licences that bases, adapters and data sets mostly have: SPDX ids and the Hub's own names, and what of them matters.

Sources: https://spdx.org/licenses, https://huggingface.co/docs/hub/repositories-licenses, and each licence's own text.
Not here: which of them go together (`adapt.registry.licences`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """What of a licence matters beside others.

    Attributes:
        kind: "free" asks for credit at most; "weak" shares its own files; "gpl2", "gpl2+", "gpl3" and "sa" ask that the
            whole is under them; "terms" restricts what the work is used for.
        non_commercial: whether it forbids commercial use.
        no_derivatives: whether it forbids to share derivatives.
        closed: whether its owner forbids to improve other language models with it.
        asks: what a derivative has to do, for people.
    """

    id: str
    kind: str = "free"
    non_commercial: bool = False
    no_derivatives: bool = False
    closed: bool = False
    asks: str = ""


BUILT_WITH_LLAMA = "its name begins with 'Llama', and 'Built with Llama' is shown"
FREE = (
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "ISC", "Zlib", "Unlicense", "WTFPL", "0BSD", "CC0-1.0",
    "PDDL-1.0",
    "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "ODC-By-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "MS-PL", "PostgreSQL",
)  # fmt: skip
WEAK = ("MPL-2.0", "LGPL-2.1", "LGPL-3.0", "EPL-2.0", "EUPL-1.2", "ODbL-1.0")
LICENCES = (
    *(Licence(name) for name in FREE),
    *(Licence(name, "weak") for name in WEAK),
    Licence("GPL-2.0-only", "gpl2"),
    Licence("GPL-2.0-or-later", "gpl2+"),
    Licence("GPL-3.0-only", "gpl3"),
    Licence("GPL-3.0-or-later", "gpl3"),
    Licence("AGPL-3.0-only", "gpl3"),
    Licence("AGPL-3.0-or-later", "gpl3"),
    Licence("CC-BY-SA-3.0", "sa"),
    Licence("CC-BY-SA-4.0", "sa"),
    Licence("CC-BY-NC-2.0", non_commercial=True),
    Licence("CC-BY-NC-3.0", non_commercial=True),
    Licence("CC-BY-NC-4.0", non_commercial=True),
    Licence("CC-BY-NC-SA-3.0", "sa", non_commercial=True),
    Licence("CC-BY-NC-SA-4.0", "sa", non_commercial=True),
    Licence("CC-BY-ND-4.0", no_derivatives=True),
    Licence("CC-BY-NC-ND-3.0", non_commercial=True, no_derivatives=True),
    Licence("CC-BY-NC-ND-4.0", non_commercial=True, no_derivatives=True),
    Licence("llama2", "terms", closed=True),
    Licence("llama3", "terms", closed=True, asks=BUILT_WITH_LLAMA),
    Licence("llama3.1", "terms", asks=BUILT_WITH_LLAMA),
    Licence("llama3.2", "terms", asks=BUILT_WITH_LLAMA),
    Licence("llama3.3", "terms", asks=BUILT_WITH_LLAMA),
    Licence("llama4", "terms", asks=BUILT_WITH_LLAMA),
    Licence(
        "gemma", "terms", asks="Gemma's terms of use and its list of prohibited uses are passed on"
    ),
    Licence("openrail", "terms", asks="its use restrictions are passed on"),
    Licence("openrail++", "terms", asks="its use restrictions are passed on"),
    Licence("bigscience-openrail-m", "terms", asks="its use restrictions are passed on"),
    Licence("creativeml-openrail-m", "terms", asks="its use restrictions are passed on"),
    Licence("bigcode-openrail-m", "terms", asks="its use restrictions are passed on"),
)
# the Hub's names, and SPDX's old ones; "gpl-3.0" leaves later versions open and is read as the stricter
ALSO = {
    "gpl-2.0": "gpl-2.0-only", "gpl-3.0": "gpl-3.0-only", "agpl-3.0": "agpl-3.0-only", "gpl-2.0+": "gpl-2.0-or-later",
    "gpl-3.0+": "gpl-3.0-or-later", "cc0": "cc0-1.0", "pddl": "pddl-1.0", "odc-by": "odc-by-1.0", "odbl": "odbl-1.0",
    "apache 2.0": "apache-2.0", "lgpl-2.1-only": "lgpl-2.1", "lgpl-2.1-or-later": "lgpl-2.1", "lgpl-3.0-only": "lgpl-3.0",
    "lgpl-3.0-or-later": "lgpl-3.0",
}  # fmt: skip
# of the names above, those that the Hub's cards know: https://huggingface.co/docs/hub/repositories-licenses
HUB = frozenset({
    "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "isc", "zlib", "unlicense", "wtfpl", "cc0-1.0", "pddl",
    "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "odc-by", "cdla-permissive-1.0", "cdla-permissive-2.0", "ms-pl", "postgresql",
    "mpl-2.0", "lgpl-2.1", "lgpl-3.0", "epl-2.0", "eupl-1.2", "odbl", "gpl-2.0", "gpl-3.0", "agpl-3.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma",
    "openrail", "openrail++", "bigscience-openrail-m", "creativeml-openrail-m",
})  # fmt: skip
TABLE = {licence.id.lower(): licence for licence in LICENCES}


def find_licence(name: str) -> Licence | None:
    """Return the licence of a name, in small letters or great, or None."""
    key = name.lower()
    return TABLE.get(ALSO.get(key, key))
