"""Documents that the tests write, and the two embedders."""

from pathlib import Path

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.protocols import TextEmbedder


def write_pdf(path: Path, pages: list[str]) -> Path:
    """Write a minimal PDF by hand: one line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(pages):
        show = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * i} 0 R >>"
        )
        objects.append(f"<< /Length {len(show)} >>\nstream\n{show}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    body += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    )
    path.write_bytes(body.encode("latin-1"))
    return path


@pytest.fixture(scope="session")
def minilm() -> TextEmbedder:
    """Return the shipped embedder, loaded once."""
    return load_embedder("minilm")


@pytest.fixture
def hashing() -> TextEmbedder:
    """Return the embedder that needs no model."""
    return HashEmbedder()


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    """Return a folder with one document of each format."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "hours.txt").write_text("The office opens at nine and closes at five on weekdays.")
    (folder / "leave.md").write_text(
        "---\ntitle: Leave\n---\n# Leave\n\n## Holidays\n\nEvery employee has 23 days of holiday a year."
        "\n\n## Vacaciones\n\nLas vacaciones se piden con quince días de antelación.\n"
    )
    (folder / "travel.html").write_text(
        "<html><head><title>Travel</title><script>alert('no')</script></head><body><nav>Home</nav>"
        "<h1>Travel</h1><p>Train tickets are booked in second class.</p></body></html>"
    )
    write_pdf(
        folder / "expenses.pdf",
        ["Expenses are refunded within ten days.", "Receipts for meals go to the accounting desk."],
    )
    return folder
