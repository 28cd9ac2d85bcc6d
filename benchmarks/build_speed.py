"""Build a store from WFDB files, against `wfdb.rdsamp` over the same files, as a ratio.

    python benchmarks/build_speed.py [--compress] [--out benchmarks/results/build_speed.md]

The files are simulated recordings in MIMIC-IV-ECG's layout (12 x 5000 samples, format 16, 200 steps per mV),
many of them hard links of a few, in a temporary folder. The build is all of `melp data build` with one
worker: listing, reading, flags, int16, digests, SHA-256, shards, index. Both run on one thread, in turns,
after one pass of each that fills the page cache. Times are processor times: the machine may do other work.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import wfdb
from _common import in_turns, parser, publish, speed_table
from threadpoolctl import threadpool_limits

from melp.corpora.synthetic import record
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS

ROUNDS, DISTINCT = 5, 32
GAIN = 200  # steps per mV
ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
REPORT = ("Sinus rhythm", "Normal ECG", "Compared to previous tracing, no significant change", *[""] * 15)


def make_tree(folder: Path, records: int, seconds: float = 10) -> Path:
    """Write MIMIC-IV-ECG with simulated recordings, of which `DISTINCT` differ."""
    subject = pd.Series(10_000_000 + np.arange(records) // 5).astype(str)
    study = pd.Series(40_000_000 + np.arange(records)).astype(str)
    path = "files/p" + subject.str[:4] + "/p" + subject + "/s" + study + "/" + study
    for number, stem in enumerate(folder / name for name in path):
        stem.parent.mkdir(parents=True)
        if number < DISTINCT:
            write_record(stem, number, seconds)
        else:
            original = folder / path[number % DISTINCT]
            stem.with_suffix(".dat").hardlink_to(original.with_suffix(".dat"))
            header = original.with_suffix(".hea").read_text().replace(original.name, stem.name)
            stem.with_suffix(".hea").write_text(header)
    table = pd.DataFrame({"subject_id": subject, "study_id": study, "ecg_time": "2180-07-23 08:44:00"})
    table.assign(file_name=study, path=path).to_csv(folder / "record_list.csv", index=False)
    reports = {f"report_{number}": text for number, text in enumerate(REPORT)}
    table.assign(cart_id=6848296, **reports).to_csv(folder / "machine_measurements.csv", index=False)
    return folder


def write_record(stem: Path, number: int, seconds: float) -> None:
    """Write a simulated recording, its leads in the order of MIMIC-IV-ECG."""
    signal = record(number, seed=0, seconds=seconds).ecg.signal[[LEADS.index(lead) for lead in ORDER]]
    wfdb.wrsamp(
        stem.name,
        fs=500,
        units=["mV"] * 12,
        sig_name=list(ORDER),
        d_signal=np.rint(signal.T * GAIN).astype(np.int64),
        fmt=["16"] * 12,
        adc_gain=[float(GAIN)] * 12,
        baseline=[0] * 12,
        write_dir=str(stem.parent),
    )


def main() -> None:
    options = parser(__doc__, records=4096, out=None)
    options.add_argument("--compress", action="store_true", help="build compressed shards")
    arguments = options.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        raw, out = make_tree(Path(name) / "raw", arguments.records), Path(name) / "store"
        stems = [str(file.with_suffix("")) for file in sorted(raw.rglob("*.hea"))]

        def from_melp() -> None:
            shutil.rmtree(out, ignore_errors=True)
            build("mimic-iv-ecg", raw, out, compress=arguments.compress)

        title = f"melp data build, {'compressed' if arguments.compress else 'plain'} shards"
        sides = {"wfdb.rdsamp": lambda: [wfdb.rdsamp(stem) for stem in stems], title: from_melp}
        in_turns(sides, 1)
        signal, names = wfdb.rdsamp(stems[0])
        rows = [names["sig_name"].index(lead) for lead in LEADS]
        stored = Store(out).ecg(Path(stems[0]).name).signal
        assert np.allclose(signal.T[rows], stored, atol=1e-6), "not the same recordings"
        table = speed_table(len(stems), in_turns(sides, ROUNDS), np.min)
    note = f"{len(stems)} records of 12 x 5000, one thread, best of {ROUNDS} rounds, processor time."
    publish(arguments.out, table, note)


if __name__ == "__main__":
    main()
