"""The project itself: what an import brings in, what is installed, house rules that can be counted."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import melp

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = {"torch", "transformers", "lightning", "scipy", "sklearn", "pandas", "pyarrow", "wfdb", "matplotlib"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, Version]:
    """Versions of `constraints.txt`."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    parts = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in parts}


def required(name: str, extra: str = "") -> Iterator[Requirement]:
    """What a distribution asks for on this machine."""
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def installed_tree() -> dict[str, Version]:
    """The core and the dev extra of melp with all that they ask for, and the versions found here."""
    waiting = [*required("melp"), *required("melp", "dev")]
    found: dict[str, Version] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found[name] = Version(metadata.version(name))
        for extra in ("", *requirement.extras):
            waiting += required(name, extra)
    return found


@pytest.mark.parametrize(
    "modules", ["melp", "melp, melp.cli", "melp.cli.data, melp.cli.pretrain, melp.cli.text"]
)
def test_an_import_is_light(modules: str) -> None:
    script = f"import sys, {modules}; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_every_module_can_be_imported() -> None:
    names = [module.name for module in pkgutil.walk_packages(melp.__path__, "melp.")]
    assert len(names) >= len(SOURCES) - 1
    for name in names:
        importlib.import_module(name)


def test_public_names_are_where_they_are_said_to_be() -> None:
    assert dir(melp) == sorted(melp.__all__)
    for name in melp.__all__:
        assert getattr(melp, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = melp.nothing  # type: ignore[attr-defined]


def test_no_torchvision() -> None:
    """Its CUDA build beside a CPU torch breaks whatever tries to import it."""
    assert importlib.util.find_spec("torchvision") is None


@pytest.mark.skipif(torch.version.cuda is not None, reason="a CUDA build of torch")
def test_no_cuda_packages_beside_a_cpu_torch() -> None:
    names = {canonicalize_name(found.name) for found in metadata.distributions()}
    assert not {name for name in names if name.startswith(("nvidia-", "triton"))}


def test_constraints_name_what_is_installed() -> None:
    pinned, found = pins(), installed_tree()
    if torch.version.cuda is not None:
        found = {name: version for name, version in found.items() if name in pinned}
    different = {
        name: (str(version), str(pinned.get(name)))
        for name, version in found.items()
        if Version(version.public) != pinned.get(name)
    }
    assert not different, "installed, and pinned in constraints.txt"


def test_ranges_admit_the_pins() -> None:
    lines = [*project()["dependencies"], *project()["optional-dependencies"]["dev"]]
    pinned = pins()
    for requirement in map(Requirement, lines):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)


@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_the_malicious_releases_of_lightning_are_shut_out(version: str) -> None:
    (requirement,) = (
        line for line in map(Requirement, project()["dependencies"]) if line.name == "lightning"
    )
    assert Version(version) not in requirement.specifier


def test_one_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert (
        re.search(r"^version: (.+)$", citation, re.MULTILINE)[1]
        == melp.__version__
        == metadata.version("melp")
    )


def without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring left out."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        first = function.body[0]
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT / "src")))
def test_house_rules(file: Path) -> None:
    """A file is one idea, a function fits on a screen, and each says what it is for."""
    text = file.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= (450 if file.parent.name == "methods" else 300)
    assert ast.get_docstring(tree) is not None or not tree.body, "no docstring"
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [each.name for each in functions if without_docstring(each) > 40] == []
    tops = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    public = [node for node in tops if not node.name.startswith("_")]
    assert [node.name for node in public if ast.get_docstring(node) is None] == [], "no docstring"
