"""docs/data.md, followed word by word on small data."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from melp.cli import main
from melp.corpora import list_corpora
from melp.data.quality import (
    CHECKSUM,
    CLIPPING,
    DERIVED_LEADS,
    DUPLICATE_SIGNAL,
    EMPTY_REPORT,
    FLAT_LEAD,
    HIGH_AMPLITUDE,
    LEAD_ORDER,
    LEAD_SWAP,
    LOW_AMPLITUDE,
    MISSING_SECONDS,
    NOT_READ,
    NOT_UNDERSTOOD,
)
from melp.data.store import Store
from melp.tasks import get_task
from small_ptb_xl import beats, make_tree, write_record
from small_server import Site, serving

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
SMALLER = {"text/laptop": ["text/laptop", "training.max_steps=2", "training.batch_size=4", "model.dim=32"]}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """PhysioNet, and a working folder with what the page takes as given."""
    published = make_tree(tmp_path / "published", 24)
    (published / "scp_statements.csv").write_text("code\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (table,) = blocks("csv")
    Path("own.csv").write_text(table)
    for number, name in enumerate(("0001", "0002")):
        write_record(Path("recordings/a") / name, beats(number))
    Path("notes.txt").write_text("sinus rhythm\natrial fibrillation\n" * 5)
    site = Site()
    site.publish("ptb-xl/1.0.3", published)
    with serving(site):
        yield site


def test_commands_and_python(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, object] = {}
    for language, text in re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(text, names)
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line)
            assert program == "melp"
            words = [part for word in words for part in SMALLER.get(word, [word])]
            if words[1] == "download":
                words += ["--mirror", site.address]
            monkeypatch.setattr(sys, "argv", ["melp", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code, line
    assert Path("ptb-xl.png").is_file() and Path("runs/language/model.safetensors").is_file()
    assert len(pd.read_parquet("corpus.parquet")) == 23
    (text,) = blocks("yaml")
    Path("own.yaml").write_text(text)
    labels = get_task("own.yaml").labels(Store("stores/own").index)
    assert labels.to_numpy().tolist() == [[True, False], [False, True]]


def test_names() -> None:
    table = PAGE.partition("## Corpora")[2].partition("## Download")[0]
    listed = re.findall(
        r"`([a-z0-9-]+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line)
    )
    assert sorted(listed) == list_corpora()
    table = PAGE.partition("## Flags")[2].partition("## Reports")[0]
    flags = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    assert flags == [
        LEAD_ORDER, LEAD_SWAP, CLIPPING, FLAT_LEAD, LOW_AMPLITUDE,
        HIGH_AMPLITUDE, MISSING_SECONDS, CHECKSUM, DERIVED_LEADS, *NOT_READ.values(), EMPTY_REPORT,
        NOT_UNDERSTOOD, DUPLICATE_SIGNAL,
    ]  # fmt: skip
