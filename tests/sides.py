"""Sides and territories in every table of the project: what each entry says of left, right, anterior ..."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from melp.corpora._challenge import abbreviations
from melp.corpora.cpsc2018 import _CODES
from melp.io.tables import read_packaged_tsv
from melp.tasks import get_task, list_tasks
from melp.tasks.names import vocabularies

GOLDEN = Path(__file__).with_name("sides.tsv")
_SIDE = re.compile(
    r"\b((?:left|right|biatrial|anter|infer|later|poster|sept|high lateral|apical|antero- and infero)\w*"
    r"|(?:in)?complete|extreme|marked|vertical|horizontal|normal|counterclockwise|clockwise"
    r"|bundle|fascicular|atrial|ventricular|axis)\b"
)
_DECISIVE = re.compile(r"left|right|biatrial|anter|infer|later|poster|sept|apical|axis|clockwise|counter")


def sides(text: str) -> str:
    """Return the words of a text that name sides, territories and what they are of, in its order.

    Empty if there is no side: "incomplete right bundle branch block" gives "right bundle".
    """
    found = [match.group() for match in _SIDE.finditer(text)]
    return " ".join(found) if any(map(_DECISIVE.match, found)) else ""


def entries() -> Iterator[tuple[str, str, str]]:
    """Return (table, entry, what it says) of every entry of every table that names a side or a territory."""
    for table, entry, text in _texts():
        if said := sides(text):
            yield table, entry, said


def _texts() -> Iterator[tuple[str, str, str]]:
    for language in ("german", "swedish"):
        for kind, english, phrases in read_packaged_tsv("melp.reports", language, columns=3):
            for phrase in phrases.split(" | "):
                yield language, f"{kind}: {phrase.strip()}", english
    for stage, pattern, replacement, *_ in read_packaged_tsv("melp.reports", "english", columns=4):
        yield "english", f"{stage}: {pattern}", replacement
    for pattern, wording in read_packaged_tsv("melp.reports", "machine", columns=2):
        yield "machine", pattern, wording
    for vocabulary, names in vocabularies().items():
        for label, name in names.items():
            yield f"names {vocabulary}", label, name
    for code, short in abbreviations().items():
        yield "challenge", f"{code} {short}", vocabularies()["challenge"][short]
    for code, label in _CODES.items():
        yield "cpsc2018", code, vocabularies()["cpsc2018"][label]
    for task in list_tasks():
        for label, prompts in get_task(task).prompts.items():
            for code in get_task(task).codes[label]:
                yield (
                    f"task {task}",
                    f"{label} {code}",
                    " / ".join(dict.fromkeys(filter(None, map(sides, prompts)))),
                )


def _write() -> None:
    rows = ["\t".join(row) for row in entries()]
    head = "# table\tentry\twhat it says of sides and territories; read each new row before it is added"
    GOLDEN.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
