"""`melp bench PLAN`: run a whole experiment."""

from __future__ import annotations

from pathlib import Path

import typer

from melp.cli import app, options
from melp.cli.tables import print_table
from melp.errors import MelpError


@app.command("bench")
def bench_command(
    plan: str = typer.Argument(help="Plan: a name such as laptop/all, or a YAML file."),
    settings: list[str] = typer.Argument(
        None,
        help="Settings of the plan, such as stores.ptb-xl=DIR; stores.ptb-xl.raw=DIR builds the store from "
        "the published corpus, stores.ptb-xl.simulate=1000 from simulated records.",
    ),
    out: Path = typer.Option(help="Folder of the experiment; what is in it is not computed again."),
    jobs: int = typer.Option(1, min=1, help="Number of processes."),
    device: str = options.DEVICE,
    part: str = typer.Option("1/1", help="Part of the work, such as 2/8, for the array jobs of a cluster."),
    table: str = typer.Option(
        "", help="Do only what these tables need: names or layouts, such as zero-shot, separated by commas."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="List the work."),
) -> None:
    """Make stores, train and evaluate many models by a plan, and write tables.

    The same command resumes it. `melp bench rehearsal` does everything on simulated records.
    """
    from melp.plans import bench, read_plan
    from melp.plans.units import describe

    chosen = [f"only=[{table}]"] if table else []
    merged, share = read_plan(plan, [*(settings or []), *chosen]), _part(part)
    if dry_run:
        print_table(("run", "state", "cells", "evaluations"), describe(merged, out, share))
        return
    bench(merged, out, jobs=jobs, devices=device.split(","), part=share)
    typer.echo(f"{out}: cells and tables of {len(merged.models)} models")


def _part(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise MelpError(f"part: found {text!r}, wanted one such as 2/8")
