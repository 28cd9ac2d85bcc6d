"""The stores that a plan makes, and the tables of their cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.hub.records import read_training_records
from melp.plans import bench, read_plan, stores
from melp.plans.schema import Plan
from melp.plans.units import describe

PLAN: dict[str, Any] = {
    "stores": {"cpsc2018": {"simulate": 150, "rate": 100, "seconds": 5}},
    "model": {"recipe": "tiny", "store": "cpsc2018", "options": ["training.max_steps=1"]},
    "models": {"st_mem": {"options": ["preprocessing.seconds=5"]}},
    "evaluation": {"kind": "probe", "tasks": ["cpsc2018"]},
    "evaluations": {"probe": {}, "paper": {"protocol": "paper"}},
    "tables": {
        "losses": {"layout": "losses", "protocol": "corrected", "rename": {"st_mem": "global"}},
        "losses-paper": {"layout": "losses", "protocol": "paper", "rename": {"st_mem": "local"}},
    },
}


def make(folder: Path, *settings: str) -> Plan:
    """Return the plan with settings."""
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return read_plan(folder / "plan.yaml", settings)


def interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is killed after its work."""

    def run(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        raise KeyboardInterrupt

    return run


def test_from_nothing_to_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = make(tmp_path), tmp_path / "out"
    assert describe(plan, out)[0] == ("stores/cpsc2018", "to make", "", "")
    # Killed after the simulation and after the build: the next call goes on.
    for name in ("simulate_corpus", "build"):
        with monkeypatch.context() as context:
            context.setattr(stores, name, interrupted(getattr(stores, name)))
            with pytest.raises(KeyboardInterrupt):
                bench(plan, out)
        assert not (out / "stores/cpsc2018.json").exists()
    written = {file: file.stat().st_mtime_ns for file in (out / "stores").rglob("*.npy")}
    bench(plan, out)
    assert written == {file: file.stat().st_mtime_ns for file in (out / "stores").rglob("*.npy")} != {}
    store = Store(out / "stores/cpsc2018")
    assert (store.rate, store.seconds, store.manifest["simulated"]) == (100, 5, True)
    assert f"{store.path}: {len(store)} records, missing: 1" in capsys.readouterr().err
    # Nothing is made again, and the ids of simulated records are not those of published ones.
    for name in ("simulate_corpus", "build"):
        monkeypatch.setattr(stores, name, lambda *_, **__: pytest.fail("made twice"))
    bench(plan, out)
    assert describe(plan, out)[0] == ("stores/cpsc2018", "made", "", "")
    assert set(read_training_records(out / "runs/st_mem-0")["corpus"]) == {"simulated cpsc2018"}  # type: ignore[index]
    # Each table has the cell of its protocol, under the new name.
    cells = read_cells(out)
    means = cells[cells["class"].isna() & (cells["metric"] == "auroc")].set_index("protocol")["value"]
    for name, protocol, row in (("losses", "corrected", "global"), ("losses-paper", "paper", "local")):
        table = pd.read_csv(out / "tables" / name / "losses.csv")
        table = table[table["task"] == "cpsc2018"]
        assert table["name"].tolist() == [row]
        assert (
            f"Protocol: {protocol}. Simulated recordings."
            in (out / "tables" / name / "losses.md").read_text()
        )
        assert table["value"].item() == pytest.approx(100 * means[protocol])
    with pytest.raises(MelpError, match=r"stores.cpsc2018: found other settings than in .*, wanted the same"):
        bench(make(tmp_path, "stores.cpsc2018.raw=none"), out)


def test_without_published_splits_protocol_paper_is_left_out(
    synthetic_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["stores.s.folder=" + str(synthetic_store), "model.store=s", "evaluations.probe.tasks=[synthetic]"]
    plan = make(tmp_path, "stores.cpsc2018=" + str(synthetic_store), "evaluations.probe.store=s", *own)
    rows = describe(plan, tmp_path / "out")
    assert rows == [("st_mem-0", "to train", "0/1", "probe")]
    line = "melp: published_splits: not given, so protocol paper is left out (paper-cpsc2018)"
    assert capsys.readouterr().err.splitlines() == [line]
    with pytest.raises(MelpError, match="published_splits: found 'none', wanted the folder of"):
        describe(read_plan(tmp_path / "plan.yaml", ["published_splits=none"]), tmp_path / "out")


def test_a_store_of_others_is_made_after_them(
    synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ["stores.cpsc2018.seconds=10", "models.st_mem.options=[training.max_steps=1]"]
    both = [f"stores.own={synthetic_store}", "stores.both.join=[own,cpsc2018]", "models.st_mem.store=both"]
    plan, out = make(tmp_path, *long, *both), tmp_path / "out"
    with monkeypatch.context() as context:
        context.setattr(stores, "join_stores", interrupted(stores.join_stores))
        with pytest.raises(KeyboardInterrupt):
            bench(plan, out)
    bench(plan, out)
    assert len(Store(out / "stores/both")) == len(Store(synthetic_store)) + len(
        Store(out / "stores/cpsc2018")
    )
    records = read_training_records(out / "runs/st_mem-0")
    assert records is not None and set(records["corpus"]) == {"synthetic", "simulated cpsc2018"}
    with pytest.raises(MelpError, match=r"stores.both.join: found 'cpsc', wanted one of cpsc2018, own"):
        bench(make(tmp_path, f"stores.own={synthetic_store}", "stores.both.join=[cpsc]"), tmp_path / "other")
