"""Sixty dataset files as people have them, by accident or malice: name, bytes, and the rows read or words of the fault."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable

import pyarrow
import pyarrow.feather
import pyarrow.parquet

GOOD = {"prompt": "Hi", "completion": "Hello"}
LINE = json.dumps(GOOD).encode()
TWO = LINE + b"\n" + LINE.replace(b"Hi", b"Ho") + b"\n"
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def rows(*values: object) -> bytes:
    """Return JSON lines."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def written(
    write: Callable[[pyarrow.Table, io.BytesIO], None], *values: dict[str, object]
) -> bytes:
    """Return a columnar file of rows."""
    out = io.BytesIO()
    write(pyarrow.Table.from_pylist(list(values)), out)
    return out.getvalue()


def parquet(*values: dict[str, object]) -> bytes:
    """Return a Parquet file of rows."""
    return written(pyarrow.parquet.write_table, *values)


def feather(*values: dict[str, object]) -> bytes:
    """Return an Arrow file of rows."""
    return written(pyarrow.feather.write_feather, *values)


def zipped() -> bytes:
    """Return a zip archive with a dataset in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jsonl", TWO)
    return out.getvalue()


FILES: tuple[tuple[str, bytes, int | str], ...] = (
    ("empty.jsonl", b"", "no rows in it"),
    ("blank-lines.jsonl", b"\n\n \n", "no rows in it"),
    ("empty.json", b"", "no rows in it"),
    ("empty-list.json", b"[]", "no rows in it"),
    ("empty.csv", b"", "no rows in it"),
    ("header-only.csv", b"prompt,completion\n", "no rows in it"),
    ("empty.txt", b" \n\n", "no rows in it"),
    ("empty.parquet", b"", "damaged or not a Parquet file"),
    ("no-rows.parquet", parquet(GOOD)[:4], "damaged or not a Parquet file"),
    ("bom.jsonl", codecs.BOM_UTF8 + TWO, 2),
    ("bom.csv", codecs.BOM_UTF8 + b"prompt,completion\nHi,Hello\nHo,Hello\n", 2),
    ("utf-16.jsonl", TWO.decode().encode("utf-16"), "UTF-16, not UTF-8"),
    ("latin-1.jsonl", '{"prompt": "año", "completion": "x"}'.encode("latin-1"), ":1: not UTF-8"),
    ("latin-1.csv", "prompt,completion\na,b\naño,x\n".encode("latin-1"), ":3: not UTF-8"),
    ("null-bytes.jsonl", TWO + b"\0\0", ":3: a null byte"),
    ("null-in-text.jsonl", rows(GOOD, {"prompt": "a\0b", "completion": "x"}), "'prompt' holds a null character"),
    ("crlf.jsonl", TWO.replace(b"\n", b"\r\n"), 2),
    ("old-mac.csv", b"prompt,completion\rHi,Hello\rHo,Hello\r", 2),
    ("line-separator.jsonl", '{"prompt": "a\u2028b", "completion": "x"}\n'.encode() + LINE, 2),
    ("surrogate.jsonl", b'{"prompt": "\\ud800", "completion": "x"}\n' + LINE, "half of a character"),
    ("emoji.jsonl", rows({"prompt": "🙂", "completion": "👍🏽"}, GOOD), 2),
    ("truncated.jsonl.gz", gzip.compress(TWO * 50)[:-12], "damaged gzip"),
    ("not-gzip.jsonl.gz", TWO, 2),
    ("gzip-without-name.jsonl", gzip.compress(TWO), 2),
    ("damaged.jsonl.gz", gzip.compress(TWO)[:10] + b"\xff" * 40, "damaged gzip"),
    ("packed.jsonl.bz2", bz2.compress(TWO), 2),
    ("truncated.jsonl.bz2", bz2.compress(TWO * 50)[:-5], "damaged bzip2"),
    ("truncated.jsonl.xz", lzma.compress(TWO * 50)[:-20], "damaged xz"),
    ("archive.zip", zipped(), "unknown kind of file '.zip'"),
    ("archive.jsonl", zipped(), "a zip archive; unpack it first"),
    ("zstd.jsonl", b"\x28\xb5\x2f\xfd" + b"\0" * 30, "compressed with zstandard; unpack it first"),
    ("parquet.jsonl", parquet(GOOD, {**GOOD, "prompt": "Ho"}), 2),
    ("arrow.json", feather(GOOD, {**GOOD, "prompt": "Ho"}), 2),
    ("truncated.parquet", parquet(GOOD)[:-20], "damaged or not a Parquet file"),
    ("truncated.arrow", feather(GOOD)[:-60], "damaged or not a Arrow file"),
    ("json-lines.json", TWO, 2),
    ("list.jsonl", json.dumps([GOOD, {**GOOD, "prompt": "Ho"}], indent=1).encode(), 2),
    ("wrapped.json", json.dumps({"version": 1, "data": [GOOD, {**GOOD, "prompt": "Ho"}]}).encode(), 2),
    ("lines.csv", TWO, 2),
    ("text.json", b'"Hello"', "a list of rows is expected"),
    ("number.jsonl", b"1\n2\n", "a row must be an object with named fields, this is a int"),
    ("half-a-row.jsonl", TWO + b'{"prompt": "a", "comp', ":3: broken JSON"),
    ("single-quotes.jsonl", b"{'prompt': 'a', 'completion': 'b'}", ":1: broken JSON"),
    ("deep.jsonl", b'{"prompt": ' + b"[" * 200_000, ":1: "),
    ("long-number.jsonl", b'{"prompt": "a", "completion": ' + b"9" * 6000 + b"}", ":1: JSON that cannot be read"),
    ("fifty-megabytes.jsonl", rows({"prompt": "word " * 10_500_000, "completion": "x"}, GOOD), 2),
    ("nested.jsonl", rows({"prompt": {"text": "a"}, "completion": "x"}), "'prompt' must be text, this is a dict"),
    ("list-of-lists.jsonl", rows({"messages": [["user", "Hi"], ["assistant", "x"]]}), "'messages' 1: must be an object"),
    ("wrong-role.jsonl", rows({"messages": [{"role": "narrator", "content": "x"}]}), "has the role 'narrator'"),
    ("role-number.jsonl", rows({"messages": [{"role": 3, "content": "x"}]}), "has the role 3"),
    ("nan-label.jsonl", b'{"prompt": "a", "completion": "b", "label": NaN}', "'label' must be true or false"),
    ("nan-answer.jsonl", b'{"prompt": "a", "completion": NaN}', "'completion' must be text, this is a float"),
    ("null-answer.jsonl", rows({"prompt": "a", "completion": None}), "no known format; its fields are prompt, completion"),
    ("empty-answer.jsonl", rows(GOOD, {"prompt": "a", "completion": "  "}), ":2: the answer is empty"),
    ("quotes-and-lines.csv", b'prompt,completion\n"a ""b""\nc","x,\ny"\nHo,Hello\n', 2),
    ("open-quote.csv", b'prompt,completion\nHi,"Hello\nHo,Hello\n', "broken table"),
    ("doubled.csv", b"prompt,completion,prompt\na,b,c\n", "column 'prompt' occurs twice"),
    ("short-row.csv", b"prompt,completion\nHi,Hello\nHo\n", ":3: 1 cells where the header has 2"),
    ("semicolons.csv", b"prompt;completion\nHi, you;Hello\nHo;Hello\n", 2),
    ("tabs.csv", b"prompt\tcompletion\nHi, you\tHello\nHo\tHello\n", 2),
    ("structs.parquet", parquet({"messages": TURNS}, {"messages": [{**TURNS[0], "content": "Ho"}, TURNS[1]]}), 2),
    ("binary.parquet", parquet({"prompt": b"\x00\x01", "completion": "x"}), "'prompt' must be text, this is a bytes"),
    ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "unknown kind of file '.png'"),
    ("pickle.pkl", b"\x80\x04\x95", "unknown kind of file '.pkl'"),
)  # fmt: skip
