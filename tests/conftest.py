"""Fixtures shared by all tests: where the real recordings and the reference tensors lie."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

# Tensors are small: a second thread waits more than it works, above all on a busy machine. Set before numpy
# and torch are imported, and inherited by every process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from jaxtyping import install_import_hook

with install_import_hook("melp", "beartype.beartype"):
    import melp  # noqa: F401

# A shell that runs the tests in the background has them ignore Ctrl-C, and every process they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

REAL = {"recordings", "ptb_xl", "parity", "slides"}
"""Fixtures of files that lie outside the repository."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for real data, whether its author thought of it or not."""
    for item in items:
        if REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.data)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the data must be there, a test on them that skips, for whatever reason, fails."""
    report = yield
    wanted = os.environ.get("MELP_REQUIRE_DATA") == "1" and item.get_closest_marker("data") is not None
    if report.skipped and wanted:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although MELP_REQUIRE_DATA=1: {report.longrepr}"
    return report


def _absent(reason: str) -> None:
    if os.environ.get("MELP_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, laid out as `ptb-xl/`, `cpsc2018/`, `csn/`, `text/`."""
    folder = os.environ.get("MELP_TEST_DATA", "")
    if not folder or not Path(folder, "ptb-xl").is_dir():
        _absent("MELP_TEST_DATA does not name the folder of real recordings")
    return Path(folder)


@pytest.fixture(scope="session")
def ptb_xl(recordings: Path) -> Path:
    """PTB-XL in its published layout, most recordings missing."""
    return recordings / "ptb-xl"


@pytest.fixture(scope="session")
def parity() -> Path:
    """The folder of reference tensors."""
    folder = Path(os.environ.get("MELP_PARITY_DIR", "../shared/parity"))
    if not (folder / "meta.json").is_file():
        _absent(f"{folder} holds no reference tensors (set MELP_PARITY_DIR)")
    return folder


@pytest.fixture(scope="session")
def slides() -> str:
    """The text of the paper's slides, with its tables."""
    shared = Path(os.environ.get("MELP_PARITY_DIR", "../shared/parity")).parent
    file = shared / "reference" / "melp-icml2025-slides.txt"
    if not file.is_file():
        _absent(f"{file}: no such file (set MELP_PARITY_DIR to the folder parity beside reference)")
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def synthetic_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 120 simulated records at 100 Hz."""
    from melp.data.build import build

    folder = tmp_path_factory.mktemp("stores") / "synthetic"
    build("synthetic", None, folder, rate=100, records=120, seed=0)
    return folder


@pytest.fixture(scope="session")
def tiny_run(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MELP model folder, trained for some seconds on the simulated records."""
    from melp.data.store import Store
    from melp.recipes import load_recipe
    from melp.training.pretrain import pretrain

    recipe = load_recipe("melp", "melp/tiny", ["training.epochs=1", "stage1.training.max_steps=5"])
    return pretrain(
        "melp", Store(synthetic_store), recipe, tmp_path_factory.mktemp("runs") / "tiny", progress=False
    )
