"""The command that runs a plan."""

from __future__ import annotations

from pathlib import Path

from small_cli import Run, refused

PLAN = """
stores: {{s: {store}}}
models:
  clocs: {{method: clocs, recipe: clocs/tiny, store: s}}
evaluations:
  probe: {{kind: probe, store: s, tasks: [synthetic]}}
"""


def test_a_plan_is_listed_or_refused(run: Run, synthetic_store: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN.format(store=synthetic_store))
    words = ("bench", tmp_path / "plan.yaml", "--out", tmp_path / "out")
    code, out, _ = run(*words, "--dry-run")
    assert code == 0
    assert out.splitlines() == ["run\tstate\tcells\tevaluations", "clocs-0\tto train\t0/1\tprobe"]
    refused(run(*words, "--part", "3/2"), "part: found '3/2'")
    refused(run(*words, "stores.s=none"), "none: no store")
    refused(run(*words, "models.clocs.method=cloks"), "; did you mean clocs?")
    refused(run("bench", "none", "--out", tmp_path / "out"), "plan: found 'none', wanted a YAML file or one")
    assert not (tmp_path / "out").exists()
