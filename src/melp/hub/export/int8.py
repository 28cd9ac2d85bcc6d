"""Integers of 8 bits for the weights of an ONNX file, and for its activations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from melp.hub.export.to_onnx import INPUT

# Here the exporter names the modules that an operation is part of.
_SCOPES, _METHOD = "pkg.torch.onnx.name_scopes", "method."


def quantise(
    source: Path, target: Path, calibration: Float[np.ndarray, "record 12 time"] | None = None
) -> None:
    """Write an ONNX file whose method computes in int8; preprocessing and similarities stay in float32.

    Args:
        source: the file in float32.
        target: the file to write, in the same folder.
        calibration: ECGs in mV that decide the ranges of the activations (static quantisation of convolutions
            and matrix products). Without them, ranges are those of each input (dynamic, matrix products).
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = source.with_suffix(".prepared.onnx")
    # Batch norms become part of the convolutions before these are quantised.
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    kinds = ["MatMul", "Gemm"] if calibration is None else ["Conv", "MatMul", "Gemm"]
    options: dict[str, Any] = {
        "op_types_to_quantize": kinds,
        "nodes_to_exclude": _outside(source, kinds),
        "per_channel": True,
        "weight_type": QuantType.QInt8,
    }
    if calibration is None:
        quantize_dynamic(prepared, target, **options)
    else:
        quantize_static(prepared, target, _Records(calibration), quant_format=QuantFormat.QDQ, **options)


def _outside(file: Path, kinds: list[str]) -> list[str]:
    """Return the names of the operations of some kinds outside of the method's modules."""
    import onnx

    nodes = [node for node in onnx.load(file).graph.node if node.op_type in kinds]
    inside = [
        any(prop.key == _SCOPES and _METHOD in prop.value for prop in node.metadata_props) for node in nodes
    ]
    return [node.name for node, is_inside in zip(nodes, inside, strict=True) if not is_inside]


class _Records:
    """Calibration data as onnxruntime reads it: one record after another."""

    def __init__(self, records: Float[np.ndarray, "record 12 time"]) -> None:
        self._rows: Iterator[Any] = iter(records)

    def get_next(self) -> dict[str, Float[np.ndarray, "1 12 time"]] | None:
        """Return the next record, None at the end."""
        row = next(self._rows, None)
        return None if row is None else {INPUT: row[None].astype(np.float32)}
