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
from _common import in_turns, parser, publish
from threadpoolctl import threadpool_limits

from melp.corpora.synthetic import simulate_record
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS
from melp.evaluation.tables import markdown_table
from small_corpora import MIMIC_LEADS, make_mimic

ROUNDS, DISTINCT = 5, 32
GAIN = 200  # steps per mV
REPORT = ("Sinus rhythm", "Normal ECG", "Compared to previous tracing, no significant change")


def make_tree(folder: Path, records: int, seconds: float = 10) -> Path:
    """Write MIMIC-IV-ECG with simulated recordings, of which `DISTINCT` differ; the rest are hard links."""
    order, signals = [LEADS.index(lead) for lead in MIMIC_LEADS], []
    for number in range(DISTINCT):
        signal = simulate_record(number, seed=0, seconds=seconds).ecg.signal[order]
        signals.append(np.rint(signal * GAIN).astype(np.int16))
    make_mimic(folder, (signals + [None] * records)[:records], [REPORT] * records, a_patient=5)
    stems = [folder / path for path in pd.read_csv(folder / "record_list.csv")["path"]]
    for number, stem in enumerate(stems[DISTINCT:]):
        original = stems[number % DISTINCT]
        stem.parent.mkdir(parents=True)
        stem.with_suffix(".dat").hardlink_to(original.with_suffix(".dat"))
        header = original.with_suffix(".hea").read_text().replace(original.name, stem.name)
        stem.with_suffix(".hea").write_text(header)
    return folder


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
        speeds = {name: len(stems) / seconds.min() for name, seconds in in_turns(sides, ROUNDS).items()}
    rows = [(name, f"{own:,.0f}", f"{own / speeds['wfdb.rdsamp']:.1f}") for name, own in speeds.items()]
    table = markdown_table(("reader", "records/s", "ratio"), rows)
    note = f"{len(stems)} records of 12 x 5000, one thread, best of {ROUNDS} rounds, processor time."
    publish(arguments.out, table, note)


if __name__ == "__main__":
    main()
