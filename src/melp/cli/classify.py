"""`melp classify`: one recording against labels in words, or by a classifier."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from melp.cli import app

_MEANINGS = {
    "similarity": "Similarity is a cosine, not a probability.",
    "probability": "Each class by itself; not calibrated.",
}


@app.command("classify")
def classify_command(
    model: Path = typer.Argument(help="Model folder."),
    file: Path = typer.Argument(help="Recording, such as RECORD.hea."),
    label: list[str] = typer.Option(
        None, help="A finding in words; repeat the option for each. A classifier has its own classes."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object instead of a table."),
) -> None:
    """Ranks findings in words by their similarity to one recording, or the classes of a classifier."""
    from melp.evaluation.classify import DISCLAIMER, classify, probabilities
    from melp.hub import load
    from melp.io import read

    loaded, ecg = load(model), read(file)
    if "classes" in loaded.config and not label:
        measure, ranked = "probability", probabilities(loaded, ecg)
    else:
        measure, ranked = "similarity", classify(loaded, ecg, label or [])
    note = f"{_MEANINGS[measure]} {DISCLAIMER}"
    if as_json:
        labels = [
            {"rank": rank, "label": text, measure: round(score, 6)}
            for rank, (text, score) in enumerate(ranked, start=1)
        ]
        answer = {"file": str(file), "model": str(model), "labels": labels, "note": note}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for rank, (text, score) in enumerate(ranked, start=1):
        typer.echo(f"{rank:3d}  {score:+.3f}  {text}")
    typer.echo(note)
