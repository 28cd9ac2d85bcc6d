"""Put plausible bugs into copies of the project, one at a time, and name those that no test finds.

Each `NAME.patch` of this folder is one bug: a unified diff of `src/` below two lines, `# bug: ...` and
`# tests: ...` (files of tests that find it, or `FILE::TEST`). First these tests run without any bug, because
a test that always fails finds nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
PASSED, FAILED = 0, 1  # exit codes of pytest
RUNNING: set[subprocess.Popen[str]] = set()
SECONDS = 900  # a bug may let processes wait for each other forever


@dataclass(frozen=True)
class Mutant:
    """A bug: its patch, what is wrong, and the tests that are expected to find it."""

    file: Path
    bug: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.file.stem


@dataclass(frozen=True)
class Outcome:
    """What the tests say about a bug."""

    killed: bool
    text: str


def read_mutant(file: Path) -> Mutant:
    """Read the two first lines of a patch."""
    lines = file.read_text().splitlines()
    for number, word in enumerate(("# bug: ", "# tests: ")):
        if len(lines) <= number or not lines[number].startswith(word):
            raise SystemExit(f"{file}: line {number + 1} does not begin with {word!r}")
    bug, tests = (line.split(": ", 1)[1] for line in lines[:2])
    return Mutant(file, bug, tuple(tests.split()))


def read_mutants(names: Sequence[str] = (), folder: Path = FOLDER) -> list[Mutant]:
    """Return the bugs with these names, all if there are none; exit if a name is unknown."""
    found = {file.stem: file for file in sorted(folder.glob("*.patch"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"mutants: {unknown[0]!r} found, wanted one of {', '.join(found)}")
    return [read_mutant(found[name]) for name in names or found]


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Yield a temporary copy of the files that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name).resolve() / "project"
        for file in filter(None, listed):
            if (root / file).is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / file, folder / file)
        yield folder


def applies(mutant: Mutant, folder: Path, check: bool = True) -> str:
    """Apply a patch to a project, or only check whether it applies; return git's message if it does not."""
    words = ["git", "apply", *(["--check"] if check else []), str(mutant.file)]
    # In a repository above the folder, git would skip the paths of the patch.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    return " ".join(done.stderr.split()) if done.returncode else ""


def run_tests(folder: Path, tests: Sequence[str], *options: str) -> tuple[int | None, str]:
    """Run tests of a copy; return the exit code of pytest (None after `SECONDS`) and its output."""
    environment = {
        "MELP_PARITY_DIR": str(ROOT.parent / "shared" / "parity"),
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfE", "--tb=no", *options, *tests]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        RUNNING.add(process)
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            stop(process)
            return None, ""
        except BaseException:
            stop(process)
            raise
        finally:
            RUNNING.discard(process)
    return process.returncode, output


def stop(process: subprocess.Popen[str]) -> None:
    """Kill a run of the tests with all processes that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def failures(output: str) -> list[str]:
    """Return the tests that pytest's summary names as failed."""
    return re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)


def try_mutant(mutant: Mutant, root: Path = ROOT) -> Outcome:
    """Apply a bug to a copy of the project and run its tests up to the first failure."""
    with copied(root) as folder:
        message = applies(mutant, folder, check=False)
        if message:
            return Outcome(False, f"DOES NOT APPLY: {message}")
        code, output = run_tests(folder, mutant.tests, "-x")
    if code is None:
        return Outcome(True, f"killed: the tests were not done after {SECONDS} s")
    if code == FAILED:
        return Outcome(True, f"killed by {', '.join(failures(output))}")
    if code == PASSED:
        return Outcome(False, f"SURVIVED {' '.join(mutant.tests)}")
    last = (output.strip().splitlines() or [""])[-1]
    return Outcome(False, f"NOT TESTED: pytest ended with code {code}: {last}")


def failing_already(mutants: Sequence[Mutant], root: Path = ROOT) -> str:
    """Return what is wrong with the tests of some bugs in the project without a bug; empty if they pass."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    with copied(root) as folder:
        code, output = run_tests(folder, tests)
    return "" if code == PASSED else ", ".join(failures(output)) or output or "not done in time"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a bug survives, does not apply, or its tests fail without it."""
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="bugs: patches in tests/mutants (default: all)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="bugs at the same time (default: 1)"
    )
    parser.add_argument("--list", action="store_true", help="list the bugs and run nothing")
    options = parser.parse_args(words)
    mutants = read_mutants(options.names)
    if options.list:
        print(*(f"{mutant.name}: {mutant.bug}" for mutant in mutants), sep="\n")
        return 0
    failing = failing_already(mutants)
    if failing:
        print(f"without any bug, these tests fail: {failing}")
        return 1
    lost = 0
    with ThreadPoolExecutor(options.workers) as pool:
        try:
            for mutant, outcome in zip(mutants, pool.map(try_mutant, mutants), strict=True):
                print(f"{mutant.name}: {outcome.text}", flush=True)
                lost += not outcome.killed
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # Ctrl-C does not reach runs in sessions of their own.
            for process in list(RUNNING):
                stop(process)
            raise
    print(f"{len(mutants) - lost} of {len(mutants)} killed")
    return 1 if lost else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
