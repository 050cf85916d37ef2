"""A small made-up data folder for the recipe: text in both languages, and questions in SQuAD's form."""

import gzip
import json
import random
from pathlib import Path

WORDS = ("river", "market", "engine", "winter", "council", "paper", "harbour", "letter", "valley")


def sentence(rng: random.Random) -> str:
    middle = " ".join(rng.choice(WORDS) + rng.choice("abcdefgh") * 2 for _ in range(7))
    return f"The {middle} was there."


def write_folders(root: Path) -> list[Path]:
    rng = random.Random(0)
    folders: list[Path] = []
    for name in ("text_en_openstax", "text_es_openstax"):
        folder = root / name
        folder.mkdir()
        (folder / "SOURCE.txt").write_text("name: made\nlicence: CC0\n", encoding="utf-8")
        rows = [
            json.dumps({"text": "\n".join(" ".join(sentence(rng) for _ in range(5)) for _ in range(6))})
            for _ in range(120)
        ]  # fmt: skip
        (folder / "made.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
        folders.append(folder)
    folder = root / "asked_en"
    folder.mkdir()
    (folder / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")
    (folder / "asked.json").write_text(json.dumps(squad(rng)), encoding="utf-8")
    return [*folders, folder]


def squad(rng: random.Random) -> dict[str, object]:
    articles = []
    for number in range(60):
        paragraphs = []
        for part in range(2):
            context = f"{sentence(rng)}[3] Tower {number}{'xyz'[part]} has {number + 5} steps. {sentence(rng)}"
            start = context.index(f"{number + 5} steps")
            asked = {
                "id": f"{number}-{part}",
                "question": f"How many steps has  tower {number}{'xyz'[part]}?",
                "answers": [{"text": f"{number + 5} steps", "answer_start": start}],
            }
            missing = {"id": "n", "question": "Who built it?", "answers": [], "is_impossible": True}
            paragraphs.append({"context": context, "qas": [asked, missing]})
        articles.append({"title": f"Tower {number}", "paragraphs": paragraphs})
    return {"data": articles}
