"""Time of the filter at 3T - 2 samples, which often has a large prime factor, and at the next fast length.

python benchmarks/filter_speed.py      (writes benchmarks/results/filter_speed.md)
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from scipy.fft import next_fast_len

RESULT = Path(__file__).parent / "results" / "filter_speed.md"
RECORDS, REPEATS = 64, 7


def seconds(length: int) -> float:
    """Shortest time of the transforms of a batch of 12-lead records that are extended to a length."""
    signal, best = torch.randn(RECORDS, 12, length), float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        torch.fft.irfft(torch.fft.rfft(signal), n=length)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Measure 10 s at the usual rates and write a table."""
    torch.set_num_threads(1)
    rows = ["| rate (Hz) | samples | ms | next fast length | ms | ratio |", "|---|---|---|---|---|---|"]
    for rate in (100, 250, 500):
        length = 3 * 10 * rate - 2
        fast = next_fast_len(length, real=True)
        before, after = seconds(length), seconds(fast)
        ratio = f"{before / after:.1f}"
        rows.append(f"| {rate} | {length} | {1000 * before:.0f} | {fast} | {1000 * after:.0f} | {ratio} |")
    note = f"Both transforms of {RECORDS} records of 12 leads in one thread, shortest of {REPEATS}."
    RESULT.write_text("\n".join([note, "", *rows]) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
