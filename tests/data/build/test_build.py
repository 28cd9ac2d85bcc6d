from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import resample_poly

import melp.data.build
from melp.corpora import Options
from melp.data.build import Summary, build
from melp.data.build.prepare import to_microvolt
from melp.data.store import Store
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from small_ptb_xl import beats, make_tree, write_record

KILLED = """
import sys, time
from pathlib import Path
import melp.data.build as building
import melp.data.build.shards as shards

building.RECORDS = 4
quick = shards.prepare

def slow(*arguments):
    time.sleep(0.05)
    return quick(*arguments)

shards.prepare = slow
building.build("ptb-xl", Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melp.data.build, "RECORDS", 4)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tree"), 14)


def contents(store: Path) -> dict[str, bytes]:
    """Return the content of every file except the log, which has dates."""
    files = [file for file in sorted(store.rglob("*")) if file.is_file() and file.name != "build.log"]
    return {str(file.relative_to(store)): file.read_bytes() for file in files}


def spoil(tree: Path) -> Path:
    """Make five records of the tree bad, each in another way, and one doubtful."""
    record = lambda number: tree / f"records500/00000/{number:05d}_hr"  # noqa: E731
    data = record(1).with_suffix(".dat")
    data.write_bytes(data.read_bytes()[:2400])
    write_record(record(2), np.zeros((12, 5000)))
    invalid = beats(3)
    invalid[0, 0] = -32768
    write_record(record(3), invalid)
    header = record(4).with_suffix(".hea")
    header.write_text(header.read_text().replace("V4", "VX"))
    record(5).with_suffix(".hea").write_bytes(b"\x00\x01 nothing")
    write_record(record(6), beats(6)[[0, 1, 2, 3, 5, 4, *range(6, 12)]])
    return tree


def test_same_bytes_for_any_folder_and_number_of_workers(tree: Path, tmp_path: Path) -> None:
    moved = make_tree(tmp_path / "elsewhere", 14)
    build("ptb-xl", tree, tmp_path / "one")
    build("ptb-xl", moved, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == {
        "dropped.parquet", "index.parquet", "manifest.json", "texts.parquet",
        *(f"shards/0000{number}.npy" for number in range(4)),
    }  # fmt: skip


def test_a_resumed_build_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    summaries = tmp_path / "store.building" / "parts"
    script = tmp_path / "slow.py"
    script.write_text(KILLED)
    child = subprocess.Popen([sys.executable, str(script), str(tree), str(out)])
    deadline = time.monotonic() + 60
    while len(list(summaries.glob("?????.json"))) < 2 and time.monotonic() < deadline:
        assert child.poll() is None, "the build ended before it could be killed"
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not out.exists()
    with pytest.raises(MelpError, match="its build did not finish"):
        Store(out)
    kept = {file: file.stat().st_mtime_ns for file in summaries.glob("*.json")}
    first = min(kept)
    # A complete shard is kept, a damaged one is written again.
    damaged = tmp_path / "store.building" / "shards" / max(kept).with_suffix(".npy").name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    written = (tmp_path / "store.building" / "shards" / first.with_suffix(".npy").name).stat().st_mtime_ns
    build("ptb-xl", tree, out)
    assert (out / "shards" / first.with_suffix(".npy").name).stat().st_mtime_ns == written
    build("ptb-xl", tree, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")
    assert not (tmp_path / "store.building").exists()


def test_a_killed_build_with_another_rate_is_not_resumed(tree: Path, tmp_path: Path) -> None:
    build("ptb-xl", tree, tmp_path / "other", rate=100)
    partial = tmp_path / "store.building"
    (tmp_path / "other").rename(partial)
    (partial / "plan.json").write_text(json.dumps({"rate": 100}))
    build("ptb-xl", tree, tmp_path / "store")
    assert Store(tmp_path / "store").signals(np.array([0])).shape == (1, 12, 5000)


def test_building_over_an_existing_folder(tree: Path, tmp_path: Path) -> None:
    first = build("ptb-xl", tree, tmp_path / "store")
    again = build("ptb-xl", tree, tmp_path / "store")
    assert first.built and not again.built and again.records == first.records == 14
    with pytest.raises(MelpError, match="contains a different store; remove it, or choose another --out"):
        build("ptb-xl", tree, tmp_path / "store", rate=250)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(MelpError, match="exists and is not a store"):
        build("ptb-xl", tree, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"
    (tmp_path / "empty").mkdir()
    assert build("ptb-xl", tree, tmp_path / "empty").built


def test_bad_records_are_dropped_and_doubtful_ones_flagged(tmp_path: Path) -> None:
    raw = spoil(make_tree(tmp_path / "raw", 9))
    summary = build("ptb-xl", raw, tmp_path / "store")
    where = "records500/00000/0000"
    assert summary.bad[:4] == [
        {"id": "1", "reason": "truncated", "detail": f"{where}1_hr.dat: 100 samples, the header says 5000"},
        {"id": "2", "reason": "all zero", "detail": f"{where}2_hr.hea: all samples are zero"},
        {"id": "3", "reason": "NaN", "detail": f"{where}3_hr.hea: 1 samples are NaN or infinite (lead I)"},
        {
            "id": "4",
            "reason": "missing lead",
            "detail": f"{where}4_hr.hea: no lead V4; found I, II, III, aVR, aVL, aVF, V1, V2, V3, V5, V6, VX",
        },
    ]
    assert summary.bad[4]["id"] == "5" and len(summary.bad) == 5
    assert summary.dropped == {"NaN": 1, "all zero": 1, "missing lead": 1, "truncated": 1, "unreadable": 1}
    assert summary.records == 4 and summary.flags == {"lead order": 1}
    store = Store(tmp_path / "store")
    assert store.index["id"].tolist() == ["6", "7", "8", "9"]
    assert store.index["shard"].tolist() == [1, 1, 1, 2] and store.index["row"].tolist() == [0, 1, 2, 0]
    assert np.array_equal(store.signals(np.array([3, 1])), np.stack([beats(9), beats(7)]))
    assert store.manifest["dropped"] == summary.dropped
    dropped = pd.read_parquet(tmp_path / "store" / "dropped.parquet")
    assert dropped.to_dict("records") == summary.bad


def test_damaged_samples_and_computed_leads_are_flagged(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 2)
    file = raw / "records500/00000/00002_hr.dat"
    content = bytearray(file.read_bytes())
    content[24 * 4000 + 2 * 7 + 1] ^= 1 << 4  # a spike of 4.1 mV in lead V2
    file.write_bytes(content)
    rows = [0, 1, *range(6, 12)]
    write_record(raw / "records500/00000/00001_hr", beats(1)[rows], leads=tuple(LEADS[row] for row in rows))
    assert build("ptb-xl", raw, tmp_path / "store").flags == {"checksum": 1, "derived leads": 1}
    store = Store(tmp_path / "store")
    assert store.index["flags"].tolist() == [["derived leads"], ["checksum"]]
    assert np.array_equal(store.signals(np.array([0]))[0], beats(1))


def test_strict_stops_at_the_first_bad_record_and_leaves_nothing(tmp_path: Path) -> None:
    raw = spoil(make_tree(tmp_path / "raw", 9))
    with pytest.raises(MelpError, match="100 samples, the header says 5000"):
        build("ptb-xl", raw, tmp_path / "store", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    build("ptb-xl", raw, tmp_path / "store")
    with pytest.raises(MelpError, match="100 samples, the header says 5000"):
        build("ptb-xl", raw, tmp_path / "store", strict=True)


def test_a_corpus_with_only_bad_records_raises(tmp_path: Path) -> None:
    raw = spoil(make_tree(tmp_path / "raw", 5))
    with pytest.raises(
        MelpError, match=r"ptb-xl: all 5 recordings were dropped \(NaN 1, .*first bad one: .*100 samples"
    ):
        build("ptb-xl", raw, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_missing_recordings_need_an_option(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 3, listed=10)
    with pytest.raises(
        MelpError, match="ptb-xl: 7 of 10 recordings are missing on disk; --allow-missing builds"
    ):
        build("ptb-xl", raw, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    summary = build("ptb-xl", raw, tmp_path / "store", allow_missing=True)
    # Reports of folds 9 and 10 are never used as texts.
    expected = Summary(tmp_path / "store", 3, 7, 5, {}, [], {"empty report": 1})
    assert summary == expected


def test_a_corpus_without_any_recording_names_what_is_missing(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("path\na.hea\nb.hea\n")
    message = r"^table: 2 of 2 recordings are missing on disk \(missing: a.hea, b.hea\)$"
    with pytest.raises(MelpError, match=message):
        build("table", tmp_path, tmp_path / "store", table=table, allow_missing=True)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rate": 0}, "--rate: 0"), ({"seconds": -1}, "--seconds: -1"), ({"workers": 0}, "--workers: 0"),
     ({"records": 0}, "--records: 0")],
)  # fmt: skip
def test_options_must_be_positive(tree: Path, tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(MelpError, match=f"{message}, wanted more than 0"):
        build("ptb-xl", tree, tmp_path / "store", **options)


def test_resampled_cropped_and_padded(tree: Path, tmp_path: Path) -> None:
    build("ptb-xl", tree, tmp_path / "store", rate=100, seconds=4)
    store = Store(tmp_path / "store")
    expected = np.rint(resample_poly(beats(2)[:, :2000] / 1000, 1, 5, axis=-1, padtype="edge") * 1000)
    assert np.abs(store.signals(np.array([1]))[0] - expected).max() <= 1
    build("ptb-xl", tree, tmp_path / "long", seconds=12)
    store = Store(tmp_path / "long")
    assert store.index["length"].tolist() == [5000] * 14
    assert not store.signals(np.array([0]))[0, :, 5000:].any()
    assert np.array_equal(store.ecg("1").signal, beats(1) / np.float32(1000))


def test_conversion_to_microvolt_saturates() -> None:
    signal = np.zeros((12, 5), dtype=np.float32)
    signal[0] = [40.0, -40.0, 0.0004, 0.0006, -32.767]
    microvolt, length, clipped = to_microvolt(ECG(signal, 500), Options(seconds=0.02))
    assert microvolt[0].tolist() == [32767, -32767, 0, 1, -32767, 0, 0, 0, 0, 0]
    assert length == 5 and clipped
    assert not to_microvolt(ECG(signal / 2, 500), Options())[2]


@pytest.mark.data
def test_real_recordings_equal_wfdb(ptb_xl: Path, tmp_path: Path) -> None:
    import wfdb

    from melp.corpora.ptb_xl import list_entries

    entries = [entry for entry in list_entries(ptb_xl, Options()).entries if entry.source is not None]
    for entry in entries[::250]:
        record = wfdb.rdrecord(entry.source, physical=False)
        ecg = melp.read(entry.source)
        assert np.array_equal(to_microvolt(ecg, Options())[0], record.d_signal.T)
