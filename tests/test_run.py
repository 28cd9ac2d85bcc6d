"""The script `run`, with a Python that only writes down what it is asked."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("basename", "bash", "cat", "cksum", "cp", "dirname", "mkdir", "rm", "sh", "uname")
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
case "$*" in
  *"-m venv"*)
    mkdir -p "$4/bin"
    for name in python melp ruff mypy lint-imports; do cp "$0" "$4/bin/$name"; done ;;
  *"print(sys.executable)"*) echo "$0" ;;
  *"urllib"*) exit {unreachable} ;;
  *"pip install"*) exit {broken} ;;
esac
"""


@dataclass
class Machine:
    """A copy of the project's shell on a machine with nothing but the tools of any Unix."""

    folder: Path
    unreachable: int = 1
    name: str = "project"

    @property
    def project(self) -> Path:
        return self.folder / self.name

    def prepare(self) -> Machine:
        self.project.mkdir()
        (self.folder / "bin").mkdir()
        for name in ("run", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.project)
        for tool in TOOLS:
            (self.folder / "bin" / tool).symlink_to(str(shutil.which(tool)))
        return self

    def give_python(self, name: str = "python3.11", broken: int = 0) -> None:
        file = self.folder / "bin" / name
        file.write_text(FAKE.format(log=self.folder / "log", unreachable=self.unreachable, broken=broken))
        file.chmod(0o755)

    def run(self, *words: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """What `./run WORDS` gave, and the commands that it gave to Python and the installed programs."""
        log = self.folder / "log"
        log.write_text("")
        done = subprocess.run(
            [self.project / "run", *words],
            env={"PATH": str(self.folder / "bin")},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        return done, [line for line in log.read_text().splitlines() if " -c " not in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path).prepare()


def installations(commands: list[str]) -> list[str]:
    return [command.split()[-1] for command in commands if "pip install" in command]


def test_without_python(machine: Machine) -> None:
    done, _ = machine.run("quickstart")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run: no Python 3.11 or newer found") and done.stderr.count("\n") == 1
    assert not (machine.project / ".venv").exists()


def test_a_python_that_is_too_old_does_not_count(machine: Machine) -> None:
    old = machine.folder / "bin" / "python3.11"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert machine.run("test")[0].returncode == 2
    machine.give_python("python3")
    done, commands = machine.run("quickstart")
    assert done.returncode == 0
    assert commands[0].startswith("python3 -m venv")


def test_each_command_installs_what_it_needs_and_nothing_twice(machine: Machine) -> None:
    machine.give_python()
    project = str(machine.project)
    done, commands = machine.run("quickstart", "--out", "some where")
    assert done.returncode == 0, done.stderr
    assert installations(commands) == ["torch", project]
    assert all(
        f"--constraint {project}/constraints.txt" in line for line in commands if "pip install" in line
    )
    assert commands[-1] == "melp quickstart --out some where"

    assert machine.run("quickstart")[1] == ["melp quickstart"]
    assert installations(machine.run("check")[1]) == ["torch", f"{project}[dev]"]
    assert machine.run("melp", "--version")[1] == ["melp --version"], "dev holds core"
    assert machine.run("check")[1] == ["ruff check", "ruff format --check", "mypy ", "lint-imports --no-logo"]

    with (machine.project / "constraints.txt").open("a") as file:
        file.write("\n")
    assert installations(machine.run("quickstart")[1]) == ["torch", f"{project}[dev]"], "dev stays dev"


def test_an_environment_that_was_moved_is_installed_again(machine: Machine) -> None:
    """Scripts and the editable package of an environment name the folder that it was made in."""
    machine.give_python()
    machine.run("quickstart")
    machine.project.rename(machine.folder / "elsewhere")
    machine.name = "elsewhere"
    commands = machine.run("quickstart")[1]
    assert commands[0].startswith("python3.11 -m venv --clear")
    assert installations(commands) == ["torch", str(machine.project)]


def test_an_environment_that_is_there_is_kept(machine: Machine) -> None:
    machine.give_python()
    machine.run("quickstart")
    for name in ("home", "installed"):
        (machine.project / ".venv" / name).unlink()
    assert "venv" not in " ".join(machine.run("quickstart")[1]).replace(".venv", "")


@pytest.mark.parametrize(("unreachable", "asked"), [(0, True), (1, False)])
def test_the_cpu_index_is_asked_only_where_it_answers(
    machine: Machine, unreachable: int, asked: bool
) -> None:
    machine.unreachable = unreachable
    machine.give_python()
    (torch, package) = [line for line in machine.run("quickstart")[1] if "pip install" in line]
    assert ("--extra-index-url=https://download.pytorch.org/whl/cpu" in torch) == asked
    assert "--extra-index-url" not in package


def test_an_installation_that_failed_is_done_again(machine: Machine) -> None:
    machine.give_python(broken=1)
    done, commands = machine.run("quickstart")
    assert done.returncode == 2 and "could not be installed" in done.stderr
    assert not any(command.startswith("melp") for command in commands)
    machine.give_python()
    shutil.copy(machine.folder / "bin" / "python3.11", machine.project / ".venv" / "bin" / "python")
    assert len(installations(machine.run("quickstart")[1])) == 2


def test_tests_run_without_the_slow_ones_unless_asked(machine: Machine) -> None:
    machine.give_python()
    assert machine.run("test", "-k", "store")[1][-1] == "python -m pytest -m not slow -k store"
    assert machine.run("test", "-x", "--slow")[1][-1] == "python -m pytest -x"


def test_a_failed_check_ends_the_test(machine: Machine) -> None:
    machine.give_python()
    machine.run("check")
    (machine.project / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 3\n")
    done, commands = machine.run("test")
    assert done.returncode == 3
    assert not any("pytest" in command for command in commands)


def test_usage(machine: Machine) -> None:
    assert "./run quickstart" in machine.run()[0].stdout
    done, commands = machine.run("nothing")
    assert (done.returncode, commands) == (2, [])
    assert done.stderr.endswith("run: unknown command 'nothing'\n")
