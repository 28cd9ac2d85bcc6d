"""Records have the bytes of the corpora: of the WFDB library, and of real recordings written again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from melp.ecg import LEADS
from melp.io.wfdb_header import read_header
from melp.simulator.corpora._wfdb import NOT_A_NUMBER, to_steps, write_dat, write_mat
from melp.simulator.corpora.csn import snomed
from melp.simulator.corpora.ptb_xl import scp_statements
from melp.tasks import get_task
from melp.tasks.names import vocabularies


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300), st.sampled_from([200.0, 1000.0]))
def test_dat_is_that_of_the_library(
    tmp_path_factory: pytest.TempPathFactory, seed: int, samples: int, per_mv: float
) -> None:
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    signal = np.random.default_rng(seed).integers(-32767, 32768, (12, samples)).astype(np.int16)
    write_dat(ours / "r1", signal, 500.0, per_mv, LEADS)
    wfdb.wrsamp(
        "r1", fs=500, units=["mV"] * 12, sig_name=list(LEADS), d_signal=signal.T, fmt=["16"] * 12,
        adc_gain=[per_mv] * 12, baseline=[0] * 12, write_dir=str(theirs),
    )  # fmt: skip
    for ending in ("hea", "dat"):
        assert (ours / f"r1.{ending}").read_bytes() == (theirs / f"r1.{ending}").read_bytes()


def test_library_reads_what_is_written(tmp_path: Path) -> None:
    steps = to_steps(np.random.default_rng(0).normal(0, 1, (12, 50)), 200)
    steps[3, 10:20] = NOT_A_NUMBER
    write_dat(tmp_path / "a", steps, 500.0, 200, LEADS, "10:15:00 27/06/2123")
    record = wfdb.rdrecord(str(tmp_path / "a"))
    np.testing.assert_array_equal(np.isnan(record.p_signal.T), steps == NOT_A_NUMBER)
    np.testing.assert_allclose(record.p_signal.T[0], steps[0] / 200)
    assert str(record.base_datetime) == "2123-06-27 10:15:00"
    write_mat(tmp_path / "b", steps, 500.0, "12:33:59 12/05/2020", float("nan"), "Male", ["1", "22"])
    record = wfdb.rdrecord(str(tmp_path / "b"), physical=False)
    np.testing.assert_array_equal(record.d_signal.T, steps)
    assert [total % 2**16 for total in record.checksum] == record.calc_checksum()
    assert record.sig_name == list(LEADS)
    assert record.comments == [
        "Age: NaN",
        "Sex: Male",
        "Dx: 1,22",
        "Rx: Unknown",
        "Hx: Unknown",
        "Sx: Unknown",
    ]


def test_real_recordings_written_again(recordings: Path, tmp_path: Path) -> None:
    # Other headers of these corpora are in the form of another version.
    csn = sorted((recordings / "csn/WFDBRecords").rglob("*.hea"))[::4]
    csn = [file for file in csn if ".mat 16+24 1000/mV" in file.read_text()]
    assert len(csn) > 3
    for file in [*csn, recordings / "cpsc2018/A0001.hea"]:
        signal = wfdb.rdrecord(str(file.with_suffix("")), physical=False).d_signal.T.astype(np.int16)
        line, *_ = file.read_text().splitlines()
        fields = dict(comment.split(": ") for comment in read_header(file).comments)
        time, codes = " ".join(line.split()[4:]), fields["Dx"].split(",")
        write_mat(tmp_path / file.stem, signal, 500.0, time, float(fields["Age"]), fields["Sex"], codes)
        for name in (file.name, f"{file.stem}.mat"):
            assert (tmp_path / name).read_bytes() == file.with_name(name).read_bytes(), name
    for file in sorted((recordings / "ptb-xl/records500/00000").glob("*.hea"))[:3]:
        record = wfdb.rdrecord(str(file.with_suffix("")), physical=False)
        write_dat(tmp_path / file.stem, record.d_signal.T.astype(np.int16), 500.0, 1000, record.sig_name)
        for name in (file.name, f"{file.stem}.dat"):
            assert (tmp_path / name).read_bytes() == file.with_name(name).read_bytes(), name


def test_tables_are_the_published_ones(recordings: Path) -> None:
    import pandas as pd

    published = pd.read_csv(recordings / "ptb-xl/scp_statements.csv", index_col=0)
    ours = scp_statements().loc[published.index]
    assert len(ours) == len(scp_statements()) == 71
    for column in ("diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"):
        left, right = ours[column].astype(object), published[column].astype(object)
        assert left.where(left.notna(), None).tolist() == right.where(right.notna(), None).tolist(), column
    names = pd.read_csv(recordings / "csn/ConditionNames_SNOMED-CT.csv", encoding="utf-8-sig", dtype=str)
    assert snomed() == dict(zip(names["AcronymName"].str.strip(), names["Snomed_CT"], strict=True))


def test_codes_are_those_of_the_readers() -> None:
    first = {code: name for name, code in reversed(snomed().items())}
    assert all(name in vocabularies()["csn"] for name in snomed())
    assert set(get_task("csn").classes) <= set(snomed())
    assert first["164865005"] == "MI" and first["164909002"] == "LBBB"
