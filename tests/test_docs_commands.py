"""The commands and Python of the pages on formats, methods, QUEST and questions, on small data."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import melp
from melp.cli import main
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from melp.simulator.corpora.write import simulate_corpus
from small_formats import dicom, microvolt

DOCS = Path(__file__).parents[1] / "docs"
SMALLER = {
    f"{name}/laptop": [f"{name}/tiny", "training.max_steps=2", "training.batch_size=8"]
    for name in ("simclr", "byol", "quest")
}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(page: str, program: str) -> list[list[str]]:
    """The words after `program` in each of its commands on a page."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(f"{program} ")]


def run(page: str, monkeypatch: pytest.MonkeyPatch, *added: str) -> int:
    """Run the commands of a page, each with the words `added`; return their number."""
    for words in commands(page, "melp"):
        smaller = [part for word in words for part in SMALLER.get(word, [word])]
        monkeypatch.setattr(sys, "argv", ["melp", *smaller, *added])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, words
    return len(commands(page, "melp"))


@pytest.fixture
def stores(tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages take as given: two stores and a model."""
    monkeypatch.chdir(tmp_path)
    for corpus, records in (("ptb-xl", 300), ("csn", 150)):
        simulate_corpus(corpus, tmp_path / corpus, records, 0)
        build(corpus, tmp_path / corpus, tmp_path / "stores" / corpus, rate=100, allow_missing=True)
    shutil.copytree(tiny_run, tmp_path / "runs" / "melp")
    return tmp_path


def test_questions(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Store(stores / "stores" / "ptb-xl").index
    repeated = index[index["patient"].duplicated(keep=False)].groupby("patient")["id"]
    for name, ids in (("gallery", repeated.first()), ("probe", repeated.last())):
        pd.DataFrame({"id": ids}).to_csv(stores / f"{name}.csv", index=False)
    (prompts,) = blocks("questions", "json")
    (stores / "prompts.json").write_text(json.dumps(json.loads(prompts)))
    assert run("questions", monkeypatch) == 7


def test_methods(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `tests/contract/test_outside.py` tests the method that the page installs; here, another takes its place.
    monkeypatch.setitem(SMALLER, "vicreg", ["simclr"])
    monkeypatch.setitem(SMALLER, "vicreg/tiny", ["simclr/tiny", "training.max_steps=2"])
    assert run("methods", monkeypatch) == 6


def test_quest(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("quest", monkeypatch) == 2


@pytest.mark.parametrize(("page", "plans"), [("defects", 1), ("results/README", 2)])
def test_plans(page: str, plans: int, stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiments, which take hours, are only planned; the options of the benchmarks are there."""
    monkeypatch.setitem(SMALLER, "stores.ptb-xl=STORE", ["stores.ptb-xl=stores/ptb-xl"])
    for name in ("DIR", "published"):
        (stores / name).mkdir()
    assert run(page, monkeypatch, "--dry-run") == plans
    for script, *words in commands(page, "python"):
        usage = [sys.executable, DOCS.parent / script, "--help"]
        text = subprocess.run(usage, capture_output=True, text=True, check=True).stdout
        assert all(f"{word} " in text for word in words if word.startswith("--")), words


def test_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    signal = microvolt()
    (tmp_path / "recording.dcm").write_bytes(dicom())
    table = pd.DataFrame(signal.T, columns=list(LEADS))
    table.to_csv("table.csv", index=False)
    (code,) = blocks("formats", "python")
    read = []
    for line in code.splitlines()[2:]:
        names = {"melp": melp, "content": (tmp_path / "recording.dcm").read_bytes()}
        exec(line, names)
        read.append(names["ecg"])
    assert [list(ecg.leads) for ecg in read] == [list(LEADS), ["I", "II", "V2"], list(LEADS)]
    for ecg in read:
        rows = [LEADS.index(lead) for lead in ecg.leads]
        np.testing.assert_allclose(ecg.signal, signal[rows] / 1000, atol=1e-4)
    assert read[2].rate == 250
