"""The README, followed word by word on small data."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest

from melp.cli import main
from melp.hub import load
from small_ptb_xl import make_tree

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- not run.*?-->\n)?```(\w+)\n(.*?)```", re.DOTALL)
# What makes a step small: recipes of seconds, fewer simulated ECGs.
SMALLER = {
    "melp/laptop": ["melp/tiny", "training.max_steps=4", "stage1.training.max_steps=4"],
    "text/laptop": [
        "text/laptop",
        "training.max_steps=4",
        "training.batch_size=8",
        "model.dim=32",
        "model.vocabulary=300",
    ],
    "simclr/laptop": ["simclr/tiny", "training.max_steps=4"],
    "2000": ["30"],
    "4": ["2"],
}
ADDED = {"finetune": ["training.max_steps=4", "training.batch_size=8"]}
FINDINGS = (
    ("{'NORM': 100.0, 'SR': 0.0}", "sinusrhythmus. normales ekg."),
    ("{'IMI': 100.0, 'AFIB': 0.0}", "vorhofflimmern. alter inferiorer infarkt."),
    ("{'CLBBB': 100.0, 'SR': 0.0}", "sinus rhythm. left bundle branch block."),
)


def blocks(language: str) -> list[str]:
    found = BLOCK.findall((ROOT / "README.md").read_text())
    return [text for left_out, kind, text in found if kind == language and not left_out]


def commands() -> list[list[str]]:
    """The shell's words of every command."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def melp(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    small = [part for word in words for part in SMALLER.get(word, [word])] + ADDED.get(words[0], [])
    monkeypatch.setattr(sys, "argv", ["melp", *small])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, small


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `ptb-xl`, some recordings of it missing."""
    tree = make_tree(tmp_path / "ptb-xl", records=60, listed=70)
    table = pd.read_csv(tree / "ptbxl_database.csv")
    chosen = [FINDINGS[(number // 10 + number) % 3] for number in range(len(table))]
    table["scp_codes"], table["report"] = zip(*chosen, strict=True)
    table.to_csv(tree / "ptbxl_database.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_and_python(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program, *words in commands():
        if program == "melp":
            melp(words, monkeypatch)
    assert load(downloads / "runs" / "rhythm-only").config["method"]["local_weight"] == 0
    results = pd.read_json(downloads / "results" / "results.jsonl", lines=True)
    assert set(results["task"]) == {"ptbxl-super", "ptbxl-rhythm"}
    assert set(results["fraction"]) == {0, 1, 10, 100}
    assert len(list((downloads / "results" / "reports").iterdir())) >= 2
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["features"].shape[0] == 1  # type: ignore[attr-defined]


def test_what_is_not_the_command_melp() -> None:
    """Lines of installation name files that are there, and commands that `run` has."""
    script = (ROOT / "run").read_text()
    for program, *words in commands():
        if program == "./run":
            assert re.search(rf"^  (?:\w+ \| )*{words[0]}(?: \| \w+)*\)$", script, re.MULTILINE), words
        elif program == "pip":
            assert words == ["install", "-c", "constraints.txt", "-e", "."]
        else:
            assert program in ("melp", "python3", "source"), program


def test_links_and_files_that_are_named() -> None:
    text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text) + re.findall(r"`(src/[^`*A-Z]+)`", text):
        assert (ROOT / target).exists(), target
