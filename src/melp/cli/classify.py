"""`melp classify`: one recording against labels in words."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from melp.cli import app


@app.command("classify")
def classify_command(
    model: Path = typer.Argument(help="Model folder."),
    file: Path = typer.Argument(help="Recording, such as RECORD.hea."),
    label: list[str] = typer.Option(help="A finding in words; repeat the option for each."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object instead of a table."),
) -> None:
    """Ranks findings in words by their similarity to one recording."""
    from melp.evaluation.classify import DISCLAIMER, classify
    from melp.hub import load
    from melp.io import read

    ranked = classify(load(model), read(file), label)
    if as_json:
        answer = {
            "file": str(file),
            "model": str(model),
            "labels": [
                {"rank": rank, "label": text, "similarity": round(score, 6)}
                for rank, (text, score) in enumerate(ranked, start=1)
            ],
            "note": f"Similarity is a cosine, not a probability. {DISCLAIMER}",
        }
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for rank, (text, score) in enumerate(ranked, start=1):
        typer.echo(f"{rank:3d}  {score:+.3f}  {text}")
    typer.echo(f"Similarity is a cosine, not a probability. {DISCLAIMER}")
