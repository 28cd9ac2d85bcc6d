"""A test on real data skips where they are absent, and cannot where they must be there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_that_asks_for_a_fixture(recordings): ...
def test_that_finds_a_reason(parity): pytest.skip("few recordings")
def test_without_data(): pytest.skip("no GPU")
"""


@pytest.mark.parametrize(("required", "outcome"), [("", "3 skipped"), ("1", "1 failed, 1 skipped, 1 error")])
def test_skips(tmp_path: Path, required: str, outcome: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = data\n")
    (tmp_path / "meta.json").write_text("{}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        env=os.environ
        | {"MELP_TEST_DATA": "", "MELP_PARITY_DIR": str(tmp_path), "MELP_REQUIRE_DATA": required},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert f"{outcome} in" in done.stdout
    assert done.returncode == (1 if required else 0)
