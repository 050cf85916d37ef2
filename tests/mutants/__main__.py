"""`make mutants`: change the code in small ways by mutmut, and count how many of the changes the tests beside it notice.

    python -m tests.mutants                            all folders, the table for CONTRIBUTING.md
    python -m tests.mutants retrieval/search           one of them
    python -m tests.mutants --survivors feedback       again, only what survived the last time

Of a large folder a seeded sample is tried, as many as `FOLDERS` says. What survives is written with its diff to
`build/mutants/<folder>/survivors.txt`. `equivalent.txt` lists mutants that behave as the code does, each with the reason;
those that only take `strict=True` from a `zip` are too, for what is zipped here is of one length, or an error before it.
Not mutated: by mutmut, what is not in a function, and decorated functions (properties, validators); by `setup.cfg` below,
what a `raise` says and what runs once, at the import.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutmut.configuration import config, reset_config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name
from scipy.stats import binomtest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapt", "feedback", "finetune", "merge", "retrieval", "ui")
# the folders, and how many mutants of each are tried at most
FOLDERS = {
    "feedback": 1000,
    "adapt/evaluation": 1000,
    "retrieval/search": 300,
    "merge/methods": 300,
    "finetune/train": 150,
}
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
STRICT = re.compile(r",?\s*strict=(True|False|None)\b")
MOST = 300  # of any other folder
NOTICED = ("killed", "timeout")
SEED = 22
SETTINGS = """[mutmut]
source_paths =
    {packages}
only_mutate = {folder}/*
also_copy =
    README.md
# a table made as it is imported: mutmut switches a mutant on only after that
do_not_mutate = merge/methods/catalogue.py
pytest_add_cli_args_test_selection = tests/{folder}
pytest_add_cli_args =
    -m
    not faults and not gpu and not browser
    -p
    no:cacheprovider
# an error's wording is not behaviour
do_not_mutate_patterns =
    ^\\s*raise\\s
# seconds, for what a test's fixtures take is not in its time; a mutant that makes a loop endless costs three minutes
timeout_constant = 60
timeout_multiplier = 3
use_git_change_detection = false
"""
HEAD = """| folder | mutants | tried | killed | timed out | equivalent | survived | share |
|---|---|---|---|---|---|---|---|
"""
# a fork after torch has started threads of its own may hang
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Result:
    """What became of the mutants of a folder that were tried."""

    folder: str
    mutants: int
    outcomes: Counter[str]

    @property
    def line(self) -> str:
        """Return the row of the table; of a sample with the 95 % interval (Wilson) of the share."""
        count = self.outcomes
        tried = count.total()
        noticed = count["killed"] + count["timeout"]
        counted = tried - count["equivalent"]
        share = f"{noticed / counted:.1%}"
        if tried < self.mutants:
            interval = binomtest(noticed, counted).proportion_ci(method="wilson")
            share += f" ({interval.low:.0%} to {interval.high:.0%})"
        cells = (f"`{self.folder}`", self.mutants, tried, count["killed"], count["timeout"], count["equivalent"],
                 counted - noticed, share)  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


def stage(folder: str) -> Path:
    """Return the folder in which mutmut works, with its settings and links to the code."""
    place = ROOT / "build" / "mutants" / folder.replace("/", ".")
    place.mkdir(parents=True, exist_ok=True)
    for name in (*PACKAGES, "tests", "pyproject.toml", "README.md"):
        link = place / name
        if not link.is_symlink():
            link.symlink_to(ROOT / name)
    settings = SETTINGS.format(packages="\n    ".join(PACKAGES), folder=folder)
    (place / "setup.cfg").write_text(settings)
    return place


def mutants_of(folder: str) -> list[str]:
    """Return the names of a folder's mutants, as mutmut numbers them; run in the staged folder."""
    paths = sorted(p for p in Path(folder).rglob("*.py") if config().should_mutate(p))
    return [
        get_mutant_name(path, name)
        for path in paths
        for name in mutate_file_contents(str(path), path.read_text()).mutant_names
    ]


def outcome_of_each(names: set[str], folder: str) -> dict[str, str]:
    """Return what mutmut has written down of these mutants."""
    outcomes = {}
    for path in Path("mutants", folder).rglob("*.py.meta"):
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
            if name in names:
                outcomes[name] = status_by_exit_code[code]
    return outcomes


def change(diff: str) -> tuple[str, str, str]:
    """Return file, old and new code of a mutant's diff, white space folded, so that it is known wherever it stands."""
    lines = diff.splitlines()
    path = next(line for line in lines if line.startswith("--- "))[4:].strip()
    code = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    sides = ("".join(line[1:] for line in code if line.startswith(sign)) for sign in "-+")
    old, new = (re.sub(r"\s+", " ", side).strip() for side in sides)
    return path, old, new


def only_strict(old: str, new: str) -> bool:
    """Return whether two pieces of code differ by a `strict` alone."""
    bare = [re.sub(r"[\s,]", "", STRICT.sub("", side)) for side in (old, new)]
    return old != new and "strict=True" in old and bare[0] == bare[1]


def equivalents() -> set[tuple[str, str, str]]:
    """Return the changes that `equivalent.txt` lists: four lines each, the file, the old code, the new, and the reason."""
    blocks = EQUIVALENT.read_text().strip().split("\n\n")
    rows = [block.splitlines() for block in blocks if not block.startswith("#")]
    return {(path, old[2:].strip(), new[2:].strip()) for path, old, new, _ in rows}


def run(folder: str, names: Sequence[str]) -> None:
    """Have mutmut try mutants by the tests of a folder; run in the staged folder."""
    # which test reaches what is asked anew
    Path("mutants", "mutmut-stats.json").unlink(missing_ok=True)
    mutmut = Path(sys.executable).with_name("mutmut")
    with Path("mutmut.log").open("w") as log:
        done = subprocess.run(
            [str(mutmut), "run", "--max-children", "2", *names],
            env={**os.environ, **ENVIRONMENT},
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{folder}: mutmut failed; see {Path('mutmut.log').resolve()}")


def try_folder(folder: str, *, survivors: bool) -> Result:
    """Try the mutants of a folder and return what came of them."""
    os.chdir(stage(folder))
    reset_config()
    every = mutants_of(folder)
    most = FOLDERS.get(folder, MOST)
    drawn = every if len(every) <= most else random.Random(SEED).sample(every, most)
    names = set(drawn)
    before = outcome_of_each(names, folder)
    again = [n for n in drawn if not survivors or before.get(n) not in NOTICED]
    if again:
        run(folder, again)
    outcomes = outcome_of_each(names, folder)
    known = equivalents()
    lines = []
    for name, outcome in sorted(outcomes.items()):
        if outcome in NOTICED:
            continue
        diff = get_diff_for_mutant(name)
        if change(diff) in known or only_strict(*change(diff)[1:]):
            outcomes[name] = "equivalent"
        else:
            lines += [f"{name}: {outcome}", diff, ""]
    Path("survivors.txt").write_text("\n".join(lines))
    return Result(folder, len(every), Counter(outcomes.values()))


def main() -> None:
    """Try the folders that are named, or all, and write the table to stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("folders", nargs="*", metavar="folder", default=list(FOLDERS))
    parser.add_argument("--survivors", action="store_true", help="only what survived the last time")
    given = parser.parse_args()
    sys.stdout.write(HEAD)
    for folder in given.folders:
        sys.stdout.write(f"{try_folder(folder, survivors=given.survivors).line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
