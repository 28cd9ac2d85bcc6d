"""Latency of one ECG with the full-size encoder on the CPU: torch, ONNX, int8.

    python benchmarks/onnx_latency.py [--threads 2] [--rounds 10] [--out benchmarks/results/onnx_latency.md]

MELP with `wav2vec2_small` and random weights, which need the same time as trained ones. Each side goes from
10 s of mV at 500 Hz in memory to the similarities with five labels, in turns with the others. Ratios are
those of medians: other work on the machine delays all sides alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from _common import parser, publish

from melp.corpora.synthetic import simulate_record
from melp.evaluation.export import export_onnx
from melp.hub import Model, load, save
from melp.methods import get_method
from melp.methods._base import Inputs
from melp.nn.bert import BertConfig
from melp.signal.preprocessing import Preprocessing
from melp.tasks import get_task
from melp.text.model import LanguageModel

CALIBRATION = 8
"""Records for the ranges of activations, which do not change the time."""
FILES = (("ONNX", "none"), ("ONNX, int8 (dynamic)", "dynamic"), ("ONNX, int8 (static)", "static"))


def full_size_model(folder: Path) -> Model:
    """A MELP of the published sizes with random weights, and a language model of a few words."""
    prompts = [text for texts in get_task("ptbxl-super").prompts.values() for text in texts]
    config = BertConfig(dim=768, layers=1, positions=160)
    language = LanguageModel.from_scratch(prompts, 200, config)
    kind = get_method("melp")
    method = kind(kind.Config(), Inputs(12, 5000, 500, language))
    save(folder, method, "melp", Preprocessing(rate=500, seconds=10))
    return load(folder)


def sides(model: Model, folder: Path, threads: int) -> dict[str, Callable[[np.ndarray], object]]:
    """Return the three ways to the similarities of one ECG in mV."""
    prompts = get_task("ptbxl-super").prompts
    ecgs = np.stack([simulate_record(index, 0).ecg.signal for index in range(CALIBRATION)])
    with torch.inference_mode():
        texts = model.method.embed_text([texts[0] for texts in prompts.values()]).T

    def by_torch(ecg: np.ndarray) -> object:
        with torch.inference_mode():
            return model.method.project_ecg(model.inputs(ecg, 500)) @ texts

    found: dict[str, Callable[[np.ndarray], object]] = {"torch": by_torch}
    for name, int8 in FILES:
        file = folder / f"{int8}.onnx"
        export_onnx(model, file, prompts, refuse=False, int8=int8, calibration=ecgs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        found[name] = lambda ecg, session=session: session.run(["similarity"], {"ecg": ecg})
    return found


def main() -> None:
    """Measure all sides in turns and write a table."""
    options = parser(__doc__ or "", threads=2, rounds=10, out=None).parse_args()
    torch.set_num_threads(options.threads)
    with TemporaryDirectory() as name:
        folder = Path(name)
        ways = sides(full_size_model(folder / "model"), folder, options.threads)
        files = ("model/model.safetensors", *(f"{int8}.onnx" for _, int8 in FILES))
        megabytes = [(folder / file).stat().st_size / 1e6 for file in files]
        ecg = simulate_record(9, 0).ecg.signal[None]
        seconds = np.array([[timed(way, ecg) for way in ways.values()] for _ in range(options.rounds + 1)])[
            1:
        ]
    middle = np.median(seconds, axis=0)
    rows = [
        f"| {name} | {1000 * value:.0f} | {1000 * low:.0f} to {1000 * high:.0f} | {middle[0] / value:.2f} "
        f"| {size:.0f} |"
        for name, value, low, high, size in zip(
            ways, middle, seconds.min(axis=0), seconds.max(axis=0), megabytes, strict=True
        )
    ]
    publish(
        options.out,
        "One ECG (12 leads, 10 s, 500 Hz) from mV to similarities, MELP with `wav2vec2_small`,\n"
        f"{options.threads} threads, {options.rounds} rounds in turns after one that is not counted.",
        "\n".join(["| way | median ms | range | speed, torch = 1 | MB |", "|---|---|---|---|---|", *rows]),
    )


def timed(way: Callable[[np.ndarray], object], ecg: np.ndarray) -> float:
    """Return the seconds of one answer."""
    start = time.perf_counter()
    way(ecg)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
