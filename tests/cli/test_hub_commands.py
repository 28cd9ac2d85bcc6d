"""`melp convert-checkpoint` and `melp export`: what they print and refuse."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

import small_published as published
from small_cli import Run, refused


def test_convert_checkpoint(run: Run, parity: Path, tmp_path: Path) -> None:
    shapes = published.manifest(parity, beats=12)
    state = published.part(published.filled(shapes), "ecg_encoder.")
    save_file(state, tmp_path / "encoder.safetensors")
    code, out, err = run("convert-checkpoint", tmp_path / "encoder.safetensors", "--out", tmp_path / "melp")
    first, *rest = out.splitlines()
    assert (code, err) == (0, "") and first.startswith("melp with 12 beat queries: ")
    assert any(line.startswith("not used (only for the self-supervised pretraining") for line in rest)
    assert rest[-2].startswith("not in the file, so the model has no texts: text, ")
    assert rest[-1] == f"{tmp_path / 'melp'}: written"
    result = run("export", tmp_path / "melp", "--onnx", tmp_path / "melp.onnx", "--label", "normal ecg")
    refused(result, "converted from an encoder alone, so it has no ")


def test_a_pickle_with_code_is_refused(run: Run, tmp_path: Path) -> None:
    torch.save({"weights": torch.ones(1), "code": Path("x")}, tmp_path / "melp.ckpt")
    result = run("convert-checkpoint", tmp_path / "melp.ckpt", "--out", tmp_path / "melp")
    refused(result, "melp.ckpt: refused, because it cannot be opened with weights_only=True (")
    assert not (tmp_path / "melp").exists()
