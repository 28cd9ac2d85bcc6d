"""A method of another package: the example of the documentation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from melp.errors import MelpError
from melp.hub.folder import read_config
from melp.methods import get_method, list_methods

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example"
# Several commands in one process: torch is imported once.
COMMANDS = """
import sys
from melp.cli import main

for command in sys.argv[1:]:
    sys.argv = ["melp", *command.split()]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, command
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which the files of the example are installed."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "melp_vicreg", site / "melp_vicreg")
    about = site / f"melp_vicreg-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    ((group, points),) = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT / 'src'}", "COLUMNS": "160"}


def python(installed: dict[str, str], *words: str | Path) -> str:
    command = [sys.executable, *words]
    process = subprocess.run(command, env=installed, capture_output=True, text=True, cwd=ROOT)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_an_installed_method_trains(installed: dict[str, str], synthetic_store: Path, tmp_path: Path) -> None:
    assert "vicreg" not in list_methods()
    out = tmp_path / "run"
    pretrain = (
        f"pretrain vicreg --data {synthetic_store} --out {out} --recipe vicreg/tiny training.max_steps=2"
    )
    output = python(installed, "-c", COMMANDS, "methods", "methods vicreg", pretrain)
    assert re.search(r"^vicreg\tecg\tBardes, Ponce and LeCun, VICReg, ICLR 2022$", output, re.MULTILINE)
    assert "method.invariance=25.0" in output and "recipes: vicreg/tiny" in output
    assert read_config(out)["name"] == "vicreg"


def test_an_installed_method_passes_the_contract_tests(installed: dict[str, str]) -> None:
    file = Path(__file__).with_name("test_methods.py")
    output = python(installed, "-m", "pytest", file, "-k", "vicreg", "-vv", "-p", "no:cacheprovider")
    passed = {line.split("::")[1].split("[")[0] for line in output.splitlines() if "PASSED" in line}
    assert passed == set(re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE))


def test_wrong_entry_points_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"lost": "no_such_package:Thing", "odd": "pathlib:Path", "empty": "pathlib", "melp": "x:Y"}
    monkeypatch.setattr("melp.methods._outside", lambda: points)
    why = {"lost": "No module named", "odd": "a subclass of Method", "empty": "wanted a class"}
    why["melp"] = "wanted a name that melp does not have"
    for name, reason in why.items():
        with pytest.raises(MelpError, match=f"method {name}: entry point .*{reason}"):
            get_method(name)


def test_the_page_shows_the_files() -> None:
    page = (ROOT / "docs" / "methods.md").read_text()
    for file in ("melp_vicreg/__init__.py", "pyproject.toml", "melp_vicreg/recipes/vicreg/tiny.yaml"):
        assert f"\n{(EXAMPLE / file).read_text()}```" in page, file
