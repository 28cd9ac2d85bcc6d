"""`melp convert-checkpoint`, `melp export`: models from and for other software."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options


@app.command("convert-checkpoint")
def convert_checkpoint_command(
    file: Path = typer.Argument(help="Checkpoint: a Lightning .ckpt, .pth, .bin or .safetensors file."),
    out: Path = typer.Option(help="Model folder to write."),
    text: Path | None = typer.Option(
        None, help="Folder with the tokenizer of the model: fuyingw/heart_bert or ncbi/MedCPT-Query-Encoder."
    ),
) -> None:
    """Convert a published checkpoint of MELP or MERL, and list the tensors that are not used.

    A pickle is only opened with weights_only=True, which runs no code of the file.
    """
    from melp.hub.published import convert_checkpoint

    for line in convert_checkpoint(file, out, text).lines():
        typer.echo(line)
    typer.echo(f"{out}: written")


@app.command("export")
def export_command(
    model: Path = options.MODEL,
    onnx: Path = typer.Option(help="ONNX file to write, with a JSON file of the same name beside it."),
    task: str | None = typer.Option(None, help="Task whose prompts are in the file; a name or a YAML file."),
    label: list[str] = typer.Option(None, help="A finding instead of a task; repeat the option for several."),
    rate: float | None = typer.Option(None, help="Hz of the recordings; default: that of the model."),
    int8: str = typer.Option(
        "none", help="none; dynamic (matrix products); static (convolutions too, calibrated on --data)."
    ),
    data: Path | None = typer.Option(None, help="Data store of the calibration of int8."),
) -> None:
    """Write a model as an ONNX file, from mV to scores and embedding, and compare it with torch."""
    from melp.data.store import Store
    from melp.evaluation.calibration import lines_of
    from melp.evaluation.export import calibration_records, export_onnx, export_prompts
    from melp.hub import load
    from melp.tasks import get_task

    loaded = load(model)
    records = None if data is None else calibration_records(Store(data), rate or loaded.preprocessing.rate)
    exported = export_onnx(
        loaded,
        onnx,
        export_prompts(loaded, task, label or []),
        refuse=task is None,
        lines={} if task is None else lines_of(loaded, get_task(task)),
        rate=rate,
        int8=int8,
        calibration=records,
    )
    about = exported.about
    for name, difference in about["difference"].items():
        typer.echo(f"{name}: differs from torch by at most {difference:.1e}")
    typer.echo(f"{onnx}: written, with {onnx.with_suffix('.json').name}. {about['note']}")
