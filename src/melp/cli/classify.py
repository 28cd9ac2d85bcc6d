"""`melp classify`: classify one recording."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from melp.cli import app, options

_MEANINGS = {
    "similarity": "Similarities are cosines, not probabilities.",
    "probability": "Classes are independent; probabilities are not calibrated.",
}


@app.command("classify")
def classify_command(
    model: Path = options.MODEL,
    file: Path = typer.Argument(help="File of the recording, such as RECORD.hea."),
    label: list[str] = typer.Option(
        None, help="A finding; repeat the option for several. Not needed for a fine-tuned classifier."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print a JSON object instead of a table."),
) -> None:
    """Rank findings by their similarity to a recording, or the classes of a fine-tuned classifier."""
    from melp.evaluation.classify import DISCLAIMER, classify, doubts, probabilities, read_for
    from melp.hub import load

    loaded = load(model)
    ecg = read_for(loaded, file)
    if "classes" in loaded.config and not label:
        measure, ranked = "probability", probabilities(loaded, ecg)
    else:
        measure, ranked = "similarity", classify(loaded, ecg, label or [])
    flags = doubts(loaded, ecg)
    note = f"{_MEANINGS[measure]} {DISCLAIMER}"
    if as_json:
        labels = [
            {"rank": rank, "label": text, measure: round(score, 6)}
            for rank, (text, score) in enumerate(ranked, start=1)
        ]
        answer = {"file": str(file), "model": str(model), "labels": labels, "flags": flags, "note": note}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for rank, (text, score) in enumerate(ranked, start=1):
        typer.echo(f"{rank:3d}  {score:+.3f}  {text}")
    for flag, detail in flags.items():
        typer.echo(f"Doubtful recording: {flag}" + (f" ({detail})" if detail else ""))
    typer.echo(note)
