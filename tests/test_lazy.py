from __future__ import annotations

import subprocess
import sys

import pytest

import melp
from melp._lazy import lazy_getattr


def test_names_are_imported_on_first_use() -> None:
    code = "import sys, melp; assert 'melp.errors' not in sys.modules; assert melp.MelpError"
    subprocess.run([sys.executable, "-c", code], check=True)
    get = lazy_getattr("melp", {"ecg": ("ECG", "LEADS"), "errors": ("MelpError",)})
    assert get("ECG") is melp.ECG and get("MelpError") is melp.MelpError


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="module 'melp' has no attribute 'reed'"):
        melp.reed  # noqa: B018
