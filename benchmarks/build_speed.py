"""Building a store from WFDB files against `wfdb.rdsamp` over the same files, as a ratio.

    python benchmarks/build_speed.py

The files are simulated recordings in MIMIC-IV-ECG's layout (12 x 5000 samples, format 16, 200 steps a mV),
many of them hard links of a few, in a temporary folder. The build is the whole of `melp data build` with one
worker: listing, reading, flags, int16, digests, SHA-256, shards, index. Both run on one thread, in turns,
after one pass of each that fills the page cache; seconds are the processor's: machines have other work.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import wfdb
from threadpoolctl import threadpool_limits

from melp.corpora.synthetic import record
from melp.data.build import build
from melp.data.store import Store
from melp.ecg import LEADS

ROUNDS = 5
DISTINCT = 32
GAIN = 200  # steps a mV
ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
REPORT = ("Sinus rhythm", "Normal ECG", "Compared to previous tracing, no significant change")


def make_tree(folder: Path, records: int, seconds: float = 10) -> Path:
    """MIMIC-IV-ECG with `records` recordings, of which `DISTINCT` differ."""
    table, said = ["subject_id,study_id,file_name,ecg_time,path"], ["subject_id,study_id,cart_id,ecg_time"]
    said[0] += "".join(f",report_{number}" for number in range(18))
    originals: list[Path] = []
    for number in range(records):
        subject, study = 10_000_000 + number // 5, 40_000_000 + number
        stem = folder / f"files/p{subject // 10_000}/p{subject}/s{study}/{study}"
        stem.parent.mkdir(parents=True)
        if number < DISTINCT:
            write_record(stem, number, seconds)
            originals.append(stem)
        else:
            link_record(stem, originals[number % DISTINCT])
        day = "2180-07-23 08:44:00"
        table.append(f"{subject},{study},{study},{day},{stem.relative_to(folder)}")
        said.append(f'{subject},{study},6848296,{day},"' + '","'.join(REPORT) + '"' + "," * 15)
    (folder / "record_list.csv").write_text("\n".join(table) + "\n")
    (folder / "machine_measurements.csv").write_text("\n".join(said) + "\n")
    return folder


def write_record(stem: Path, number: int, seconds: float) -> None:
    """A simulated recording, its leads in the order of MIMIC-IV-ECG."""
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


def link_record(stem: Path, original: Path) -> None:
    """The recording of `original` under another name."""
    stem.with_suffix(".dat").hardlink_to(original.with_suffix(".dat"))
    header = original.with_suffix(".hea").read_text()
    stem.with_suffix(".hea").write_text(header.replace(original.name, stem.name))


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of the processor that `work` takes, of all its threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=4096)
    parser.add_argument("--compress", action="store_true", help="build compressed shards")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw, out = make_tree(folder / "raw", options.records), folder / "store"
        stems = [str(file.with_suffix("")) for file in sorted(raw.rglob("*.hea"))]

        def from_wfdb() -> None:
            for stem in stems:
                wfdb.rdsamp(stem)

        def from_melp() -> None:
            build("mimic-iv-ecg", raw, out, compress=options.compress)

        from_wfdb(), from_melp()
        signal, names = wfdb.rdsamp(stems[0])
        rows = [names["sig_name"].index(lead) for lead in LEADS]
        stored = Store(out).ecg(Path(stems[0]).name).signal
        assert np.allclose(signal.T[rows], stored, atol=1e-6), "not the same recordings"
        pairs = []
        for _ in range(ROUNDS):
            shutil.rmtree(out)
            pairs.append((processor_time(from_wfdb), processor_time(from_melp)))
    slow, fast = (np.array(times) for times in zip(*pairs, strict=True))
    shards = "zstd" if options.compress else "plain"
    print(f"{len(stems)} records of 12 x 5000, one thread, best of {ROUNDS} rounds, processor time")
    print(f"wfdb.rdsamp                    {len(stems) / slow.min():8.0f} records/s")
    print(f"melp data build, {shards:5} shards  {len(stems) / fast.min():8.0f} records/s")
    print(f"ratio                          {slow.min() / fast.min():8.1f}")


if __name__ == "__main__":
    main()
