"""Export of a model as an ONNX file, with the prompts of a task or of labels as a matrix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.atomic import replacing
from melp.corpora.synthetic import simulate_record
from melp.data.store import Store
from melp.disclaimer import DISCLAIMER
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.evaluation.answers import read_groups
from melp.evaluation.calibration import Line
from melp.evaluation.prompts import AGAINST, FOR, Prompts, prompts_for, sides
from melp.evaluation.wordings import as_statement
from melp.evaluation.zero_shot import prompt_scores
from melp.hub import Model
from melp.hub.export.graph import Graph
from melp.hub.export.heads import AnswerHead, Group, Head, SimilarityHead
from melp.hub.export.int8 import quantise
from melp.hub.export.to_onnx import INPUT, TOLERANCE, differences, write_onnx
from melp.signal.resampling import resample
from melp.tasks import get_task
from melp.tasks.folds import TRAIN_FOLDS

PACKAGES = ("melp", "torch", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Export:
    """A written file.

    Attributes:
        file: the ONNX file; beside it is a JSON file of the same name.
        about: content of the JSON file.
    """

    file: Path
    about: Mapping[str, Any]


def export_onnx(
    model: Model,
    out: Path,
    prompts: Prompts | None = None,
    *,
    refuse: bool = True,
    lines: Mapping[str, Line] = MappingProxyType({}),
    rate: float | None = None,
    int8: str = "none",
    calibration: Float[np.ndarray, "record 12 time"] | None = None,
) -> Export:
    """Write a model as an ONNX file: mV go in; similarities or probabilities, and the embedding, come out.

    The file is compared with torch on simulated ECGs, one and a batch of three, before it replaces another.

    Args:
        model: a loaded model.
        out: the file; a JSON file beside it says what goes in and what comes out.
        prompts: texts of each label; None for the embedding alone, or for a fine-tuned classifier.
        refuse: whether a prompt of unknown words is an error, or is named in a warning.
        lines: the calibration of labels (`melp.evaluation.calibration.lines_of`), for a method with answers.
        rate: Hz of the recordings that will be given; default: the model's.
        int8: "none", "dynamic" (weights of matrix products) or "static" (convolutions and matrix products,
            with ranges of activations from `calibration`).
        calibration: ECGs in mV at `rate`, for "static".

    Raises:
        MelpError: an operation has no form in ONNX, the float32 file differs from torch by more than 1e-4,
            there are no packages for ONNX, or labels are given to a model without texts.
    """
    _check(out, int8, calibration)
    head = None if prompts is None else head_of(model, prompts, refuse, lines)
    graph = Graph(model, rate or model.preprocessing.rate, head).eval()
    encoder = f"{model.folder}: encoder {model.config['method'].get('encoder', model.name)}"
    seconds = graph.preprocessing.seconds
    ecgs = np.stack([simulate_record(index, 0, graph.rate, seconds).ecg.signal for index in range(3)])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        write_onnx(graph, file, encoder)
        exact = differences(graph, file, [ecgs[:1], ecgs])
        if not max(exact.values()) <= TOLERANCE:
            raise MelpError(f"{encoder}: outputs differ from torch by {exact}, wanted at most {TOLERANCE}")
        rounded = {}
        if int8 != "none":
            quantised = Path(folder) / "int8.onnx"
            quantise(file, quantised, calibration if int8 == "static" else None)
            file, rounded = quantised, differences(graph, quantised, [ecgs[:1], ecgs])
        about = _about(model, graph, prompts, lines, int8) | {"difference": rounded or exact}
        with replacing(out) as partial, replacing(out.with_suffix(".json")) as text:
            partial.write_bytes(file.read_bytes())
            text.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Export(out, about)


def export_prompts(model: Model, task: str | None, labels: Sequence[str]) -> Prompts | None:
    """Return what a model is asked for a task, or each label as its own prompt; None if there are neither.

    Raises:
        MelpError: both are given, or there is no such task.
    """
    if task is not None and labels:
        raise MelpError("label: found labels and a task, wanted one of them")
    if task is not None:
        return prompts_for(model, get_task(task))
    return {label: [as_statement(label)] for label in labels} or None


def head_of(model: Model, prompts: Prompts, refuse: bool, lines: Mapping[str, Line]) -> Head:
    """Return what scores the labels: probabilities of a method with answers, similarities of another.

    A similarity is linear in the unit vector of the ECG, so the similarities of the unit vectors along the
    axes are the columns of its matrix.
    """
    if not hasattr(model.method, "answers"):
        axes = pd.DataFrame(np.eye(model.method.config.dim))
        scores = prompt_scores(model, axes, prompts, refuse=refuse)
        return SimilarityHead(list(scores.columns), torch.tensor(scores.to_numpy()))
    statements, rows = read_groups(model, sides(prompts), "prompt", refuse)
    calibrated = {name: {"slope": line.slope, "bias": line.bias} for name, line in lines.items()}
    groups = [
        Group(rows[f"{FOR} {name}"], rows.get(f"{AGAINST} {name}", ()), **calibrated.get(name, {}))
        for name in prompts
    ]
    return AnswerHead(list(prompts), statements, groups)


def calibration_records(store: Store, rate: float, count: int = 100) -> Float[np.ndarray, "record 12 time"]:
    """Return ECGs of the training folds of a store in mV at `rate` Hz, evenly spaced over its index."""
    rows = np.flatnonzero(np.isin(store.column("fold"), TRAIN_FOLDS))
    if not len(rows):
        raise MelpError(f"{store.path}: no record in folds 1 to 8, wanted some for calibration")
    some = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]
    signals = torch.from_numpy(store.signals(some).astype(np.float32) / 1000)
    return resample(signals, store.rate, rate).numpy()


def _check(out: Path, int8: str, calibration: object) -> None:
    if int8 not in ("none", "dynamic", "static"):
        raise MelpError(f"int8: found {int8!r}, wanted none, dynamic or static")
    if int8 == "static" and calibration is None:
        raise MelpError("int8: found static without ECGs, wanted some for calibration (--data STORE)")
    if out.suffix != ".onnx":
        raise MelpError(f"{out}: found {out.suffix or 'no suffix'}, wanted a name ending in .onnx")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise MelpError(f"no {', '.join(missing)} found, wanted `pip install melp[export]`")


def _about(
    model: Model, graph: Graph, prompts: Prompts | None, lines: Mapping[str, Line], int8: str
) -> dict[str, Any]:
    """Return the content of the JSON file: what goes in, what comes out, and what it must not be used for."""
    labels = graph.head.labels if graph.head else model.config.get("classes")
    return {
        "name": model.name,
        "input": {
            "name": INPUT,
            "shape": ["batch", len(LEADS), graph.samples],
            "unit": "mV",
            "rate": graph.rate,
            "seconds": graph.preprocessing.seconds,
            "leads": LEADS,
        },
        "outputs": graph.names,
        "labels": labels,
        # Similarities are not calibrated.
        "calibrated": list(lines) if isinstance(graph.head, AnswerHead) else [],
        "prompts": prompts,
        "int8": int8,
        "hub": model.config.get("hub"),
        "versions": {name: version(name) for name in PACKAGES},
        "note": DISCLAIMER,
    }
