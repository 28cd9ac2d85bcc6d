"""The script `run`, with a fake Python that records its arguments."""

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
    for name in python melp ruff mypy lint-imports pylint; do cp "$0" "$4/bin/$name"; done ;;
  *"print(sys.executable)"*) echo "$0" ;;
  *"urllib"*) exit {unreachable} ;;
  *"pip install"*) exit {broken} ;;
esac
"""

CHECKS = [
    "ruff check",
    "ruff format --check",
    "mypy ",
    "lint-imports --no-logo",
    "pylint --disable=all --enable=duplicate-code --score=no src/melp",
]
PYTEST = "python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile"


@dataclass
class Machine:
    """A copy of the script on a machine that has only standard Unix tools."""

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
        """Return the result of `./run WORDS`, and the commands of Python and installed programs."""
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


def test_an_old_python_is_skipped(machine: Machine) -> None:
    old = machine.folder / "bin" / "python3.11"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert machine.run("test")[0].returncode == 2
    machine.give_python("python3")
    done, commands = machine.run("quickstart")
    assert done.returncode == 0
    assert commands[0].startswith("python3 -m venv")


def test_each_command_installs_what_it_needs_once(machine: Machine) -> None:
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
    assert machine.run("demo", "--out", "there")[1] == ["melp demo --out there"]
    assert installations(machine.run("check")[1]) == ["torch", f"{project}[dev]"]
    assert machine.run("melp", "--version")[1] == ["melp --version"], "dev includes core"
    assert machine.run("check")[1] == CHECKS

    with (machine.project / "constraints.txt").open("a") as file:
        file.write("\n")
    assert installations(machine.run("quickstart")[1]) == ["torch", f"{project}[dev]"], "dev stays dev"


def test_a_moved_environment_is_installed_again(machine: Machine) -> None:
    """The scripts and the editable package of an environment contain the path of its folder."""
    machine.give_python()
    machine.run("quickstart")
    machine.project.rename(machine.folder / "elsewhere")
    machine.name = "elsewhere"
    commands = machine.run("quickstart")[1]
    assert commands[0].startswith("python3.11 -m venv --clear")
    assert installations(commands) == ["torch", str(machine.project)]


def test_an_existing_environment_is_kept(machine: Machine) -> None:
    machine.give_python()
    machine.run("quickstart")
    for name in ("home", "installed"):
        (machine.project / ".venv" / name).unlink()
    assert "venv" not in " ".join(machine.run("quickstart")[1]).replace(".venv", "")


@pytest.mark.parametrize(("unreachable", "used"), [(0, True), (1, False)])
def test_the_cpu_index_is_used_only_if_it_can_be_reached(
    machine: Machine, unreachable: int, used: bool
) -> None:
    machine.unreachable = unreachable
    machine.give_python()
    (torch, package) = [line for line in machine.run("quickstart")[1] if "pip install" in line]
    assert ("--extra-index-url=https://download.pytorch.org/whl/cpu" in torch) == used
    assert "--extra-index-url" not in package


def test_a_failed_installation_is_repeated(machine: Machine) -> None:
    machine.give_python(broken=1)
    done, commands = machine.run("quickstart")
    assert done.returncode == 2 and "could not be installed" in done.stderr
    assert not any(command.startswith("melp") for command in commands)
    machine.give_python()
    shutil.copy(machine.folder / "bin" / "python3.11", machine.project / ".venv" / "bin" / "python")
    assert len(installations(machine.run("quickstart")[1])) == 2


def test_slow_tests_run_only_with_slow(machine: Machine) -> None:
    machine.give_python()
    assert machine.run("test", "-k", "store")[1][-1] == f"{PYTEST} -m not slow -k store"
    assert machine.run("test", "-x", "--slow")[1][-1] == f"{PYTEST} -x"


def test_durations_lists_the_slowest_20_tests(machine: Machine) -> None:
    machine.give_python()
    assert machine.run("test", "--durations")[1][-1].endswith(" --durations=20")
    assert machine.run("test", "--durations=5", "-x")[1][-1].endswith(" --durations=5 -x")


def test_a_failed_check_ends_the_test(machine: Machine) -> None:
    machine.give_python()
    machine.run("check")
    (machine.project / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 3\n")
    done, commands = machine.run("test")
    assert done.returncode == 3
    assert not any("pytest" in command for command in commands)


def test_mutants_run_with_what_the_tests_need(machine: Machine) -> None:
    machine.give_python()
    commands = machine.run("mutants", "--workers", "2", "byol-own-view")[1]
    assert installations(commands) == ["torch", f"{machine.project}[dev]"]
    assert commands[-1] == "python tests/mutants/run_mutants.py --workers 2 byol-own-view"


def test_usage(machine: Machine) -> None:
    assert "./run quickstart" in machine.run()[0].stdout
    done, commands = machine.run("nothing")
    assert (done.returncode, commands) == (2, [])
    assert done.stderr.endswith("run: unknown command 'nothing'\n")
