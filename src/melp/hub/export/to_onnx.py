"""Write a graph as an ONNX file, and compare the file with torch."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from melp.errors import MelpError
from melp.hub.export.graph import Graph

TOLERANCE = 1e-4
"""Largest difference between torch and a file in float32."""
INPUT = "ecg"


def write_onnx(graph: Graph, file: Path, what: str) -> None:
    """Write a graph as an ONNX file for any number of records.

    Args:
        graph: in evaluation mode.
        file: the file.
        what: name of the encoder, for errors.

    Raises:
        MelpError: an operation has no form in ONNX, or none that is accurate (Fourier transforms), or needs a
            fixed number of records.
    """
    example = torch.randn(3, 12, graph.samples, generator=torch.Generator().manual_seed(0))
    if transforms := [name for name in operations(graph, example) if "fft" in name]:
        raise MelpError(f"{what}: {transforms[0]} has no accurate form in ONNX, wanted another encoder")
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(graph.names),
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                verbose=False,
            )
    except Exception as error:  # the exporter raises errors of many kinds
        raise MelpError(f"{what}: {refusal(error)}, wanted another encoder") from error
    assert program is not None
    shape = program.model.graph.inputs[0].shape
    if shape is None or isinstance(shape[0], int):
        raise MelpError(f"{what}: exported for a fixed number of records only, wanted another encoder")
    program.save(file, external_data=False)


def operations(graph: Graph, ecg: Float[Tensor, "batch 12 time"]) -> list[str]:
    """Return the names of torch's operations in a graph, such as `aten.convolution.default`, sorted."""
    with torch.no_grad(), _Operations() as mode:
        graph(ecg)
    return sorted(mode.names)


class _Operations(TorchDispatchMode):
    """Records the names of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


def outputs(file: Path, ecg: Float[np.ndarray, "batch 12 time"]) -> dict[str, Float[np.ndarray, "batch dim"]]:
    """Return the outputs of an ONNX file by name."""
    session = open_session(file)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: ecg.astype(np.float32)}), strict=True))


def open_session(file: Path) -> Any:
    """Return a session of onnxruntime on the CPU, without its warnings."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def differences(
    graph: Graph, file: Path, batches: Sequence[Float[np.ndarray, "batch 12 time"]]
) -> dict[str, float]:
    """Return the largest difference between a file and the model for each output.

    The model's own preprocessing is applied, not that of the graph.
    """
    largest = dict.fromkeys(graph.names, 0.0)
    for ecg in batches:
        with torch.no_grad():
            wanted = graph.reference(torch.from_numpy(ecg))
        for name, found in outputs(file, ecg).items():
            largest[name] = max(largest[name], float(np.abs(found - wanted[name].numpy()).max()))
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which reports its progress and what it does not use."""
    loggers = {
        logging.getLogger(name): logging.getLogger(name).level for name in ("torch.onnx", "onnxscript")
    }
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def refusal(error: BaseException) -> str:
    """Return what an error of the exporter is about: an operation without a form in ONNX, or its reason."""
    causes = [str(error)]
    while (error := error.__cause__ or error.__context__ or error) and str(error) != causes[-1]:
        causes.append(str(error))
    operations = re.findall(r"op='([\w.]+)'", "\n".join(causes))
    if operations:
        return f"{operations[0]} has no form in ONNX"
    return f"not exported ({causes[-1].splitlines()[0][:120]})"
