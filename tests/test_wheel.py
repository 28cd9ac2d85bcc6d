"""The wheel: all that is in the package is in it, and it works in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import melp

ROOT = Path(__file__).parents[1]
HYGIENE = """
import sys, melp
assert not {"torch", "transformers"} & sys.modules.keys(), "heavy"
from importlib.metadata import distributions
from importlib.util import find_spec
import torch
assert find_spec("torchvision") is None
names = {found.name.lower() for found in distributions()}
assert torch.version.cuda or not [name for name in names if name.startswith("nvidia-")]
assert not {"pytest", "mypy", "hatchling"} & names, "dev"
from melp.reports import to_statements
from melp.tasks import get_task
from melp.recipes import list_recipes
assert {"melp", "merl", "simclr"} <= set(melp.list_methods())
assert {"melp/paper", "melp/laptop", "melp/tiny", "text/laptop"} <= set(list_recipes())
assert all(get_task(name).prompts for name in melp.list_tasks())
print(to_statements("sinusrhythmus"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "src"
    files = {str(file.relative_to(source)) for file in source.rglob("*") if file.is_file()}
    wanted = {name for name in files if "__pycache__" not in name and ".egg-info" not in name}
    assert {Path(name).suffix for name in wanted} >= {".py", ".yaml", ".tsv", ".html", ".typed"}
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        about = f"melp-{melp.__version__}.dist-info"
        assert {name for name in inside if not name.startswith(about)} == wanted
        assert f"{about}/licenses/LICENSE" in inside
        assert "melp = melp.cli:main" in archive.read(f"{about}/entry_points.txt").decode()


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MELP"))}

    def run(program: str, *words: str | Path) -> str:
        done = subprocess.run(
            [programs / program, *words], cwd=tmp_path, env=clean, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    assert run("melp", "--version") == f"melp {melp.__version__}\n"
    assert "sinus rhythm" in run("python", "-c", HYGIENE)
    run("melp", "data", "build", "synthetic", "--records", "60", "--rate", "100", "--out", "store")
    run(
        *("melp", "pretrain", "melp", "--data", "store", "--out", "model", "--recipe", "melp/tiny"),
        *("training.max_steps=2", "stage1.training.max_steps=2"),
    )
    judged = run("melp", "zero-shot", "model", "--task", "synthetic", "--data", "store", "--out", "results")
    assert "macro AUROC" in judged and len(list((tmp_path / "results" / "cells").iterdir())) == 2
