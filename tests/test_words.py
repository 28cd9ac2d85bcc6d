"""Plain English: the words of `words.txt` do not occur in anything that a person reads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "run", "docs", "src", "benchmarks", "tests")
KINDS = {".py", ".md", ".yaml", ".html", ".jinja", ".toml", ""}
WORDS = [
    [part.strip() for part in line.split(" = ")]
    for line in (ROOT / "tests" / "words.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def uses(text: str, word: str) -> list[int]:
    """Numbers of the lines on which `word` begins; it may continue on the next line."""
    pattern = re.sub(" ", r"(?:\\s|#)+", word)
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(pattern, text, re.IGNORECASE)]


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *PAGES], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if Path(name).suffix in KINDS]


@pytest.mark.parametrize(("word", "instead"), WORDS)
def test_plain_words(word: str, instead: str) -> None:
    places = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files()
        for line in uses(file.read_text(encoding="utf-8"), word)
    ]
    assert not places, f"{word!r} in {', '.join(places)}; write: {instead}"


def test_a_word_is_found_across_lines_and_comments() -> None:
    assert uses("a\nit does not hang\n    # on others", r"\bhangs? on\b") == [2]
    assert uses("change on", r"\bhangs? on\b") == []
