"""The bugs of this folder still fit the code, and the tests find the quickest of them."""

from __future__ import annotations

import difflib
import re
import subprocess
from pathlib import Path

import pytest
from run_mutants import (
    ROOT,
    Mutant,
    applies,
    copied,
    failing_already,
    failures,
    main,
    read_mutants,
    try_mutant,
)

MUTANTS = read_mutants()
QUICKEST = (
    "ecg_fm-no-feature-penalty",
    "st_mem-loss-on-visible",
    "training-no-clipping",
    "store-last-window",
)
every_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])


def hunks(mutant: Mutant) -> list[tuple[Path, str]]:
    """Return the file and the old lines of each hunk of a patch."""
    found: list[tuple[Path, str]] = []
    for part in re.split(r"^--- a/", mutant.file.read_text(), flags=re.MULTILINE)[1:]:
        name, *bodies = re.split(
            r"^@@ .*\n", re.split(r"^diff ", part, flags=re.MULTILINE)[0], flags=re.MULTILINE
        )
        old = ["".join(line[1:] for line in body.splitlines(True) if line[0] in " -") for body in bodies]
        found += [(ROOT / name.split("\n")[0], lines) for lines in old]
    return found


@every_mutant
def test_every_patch_applies_at_one_place(mutant: Mutant) -> None:
    assert applies(mutant, ROOT) == ""
    places = hunks(mutant)
    assert places
    for file, old in places:
        assert file.is_relative_to(ROOT / "src")
        assert file.read_text().count(old) == 1, f"the lines stand more than once in {file}: more context"


@every_mutant
def test_the_tests_of_a_patch_exist(mutant: Mutant) -> None:
    for test in mutant.tests:
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text()
        assert not name or f"def {name.split('[')[0]}(" in text, test


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICKEST)
def test_the_quickest_are_killed(name: str) -> None:
    (mutant,) = read_mutants([name])
    outcome = try_mutant(mutant)
    assert outcome.killed, outcome.text


SOURCE = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n"
TEST = "from sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"


def make_project(folder: Path, test: str = TEST) -> Path:
    """A project with two functions and a test of the first."""
    for name, text in {"src/sums.py": SOURCE, "tests/test_sums.py": test}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def write_patch(folder: Path, name: str, old: str, new: str, source: str = SOURCE) -> None:
    after = source.replace(old, new)
    lines = source.splitlines(True), after.splitlines(True)
    diff = "".join(difflib.unified_diff(*lines, "a/src/sums.py", "b/src/sums.py", n=1))
    (folder / f"{name}.patch").write_text(f"# bug: {name}\n# tests: tests/test_sums.py\n{diff}")


def test_outcomes(tmp_path: Path) -> None:
    project, patches = make_project(tmp_path / "project"), tmp_path / "patches"
    patches.mkdir()
    write_patch(patches, "killed", "a + b", "a - b")
    write_patch(patches, "survives", "2 * a", "3 * a")
    write_patch(patches, "old", "a + c", "a", SOURCE.replace("a + b", "a + c"))
    write_patch(patches, "syntax", "a + b", "a +")
    found = {mutant.name: try_mutant(mutant, project) for mutant in read_mutants(folder=patches)}
    assert {name: outcome.killed for name, outcome in found.items()} == {
        "killed": True, "old": False, "survives": False, "syntax": False,
    }  # fmt: skip
    assert found["killed"].text == "killed by tests/test_sums.py::test_add"
    assert found["survives"].text == "SURVIVED tests/test_sums.py"
    assert found["old"].text.startswith("DOES NOT APPLY: error: patch failed: src/sums.py")
    assert found["syntax"].text.startswith("NOT TESTED: pytest ended with code")
    assert "return a + b" in (project / "src/sums.py").read_text(), "the project itself is not changed"


def test_names_and_tests_that_always_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="mutants: 'nothing' found, wanted one of "):
        main(["nothing"])
    assert main(["--list", MUTANTS[0].name]) == 0
    assert capsys.readouterr().out == f"{MUTANTS[0].name}: {MUTANTS[0].bug}\n"
    assert failures("FAILED a.py::b[c d] - x\nERROR a.py - y\n") == ["a.py::b[c d]", "a.py"]
    project = make_project(tmp_path / "project", "def test_add():\n    assert False\n")
    mutant = Mutant(tmp_path / "x.patch", "x", ("tests/test_sums.py",))
    assert failing_already([mutant], project) == "tests/test_sums.py::test_add"
    with copied(project) as folder:
        assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.py")) == [
            "src/sums.py",
            "tests/test_sums.py",
        ]
