"""What a build is going to do: checked before anything is written, and what its bytes depend on."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import melp
from melp.corpora import Options
from melp.data.store import FORMAT
from melp.ecg import LEADS
from melp.errors import MelpError

_PACKAGES = ("numpy", "scipy", "pyarrow", "wfdb")


def check_options(options: Options, workers: int) -> None:
    """Raises `MelpError` for a number that is not above zero."""
    wrong = {"rate": options.rate, "seconds": options.seconds, "workers": workers}
    if options.records is not None:
        wrong["records"] = options.records
    for name, value in wrong.items():
        if not value > 0:
            raise MelpError(f"--{name}: {value:g}, wanted more than 0")


def check_missing(missing: int, total: int, allow_missing: bool, corpus: str) -> None:
    """Raises `MelpError` where recordings are missing and that was not allowed."""
    if missing and not allow_missing:
        raise MelpError(
            f"{corpus}: {missing} of {total} recordings are missing on disk; "
            "--allow-missing builds without them"
        )


def make_plan(corpus: str, options: Options, compression: str, entries: str) -> dict[str, Any]:
    """Everything that the bytes of the store depend on; `entries` is the digest of the listing."""
    return {
        "format": FORMAT,
        "corpus": corpus,
        "rate": options.rate,
        "seconds": options.seconds,
        "samples": round(options.rate * options.seconds),
        "unit": "microvolt",
        "leads": list(LEADS),
        "compression": compression,
        "input": entries,
        "versions": {"melp": melp.__version__, "code": _code(), **_versions()},
    }


def _code() -> str:
    """A digest of what lists, reads, simulates and flags recordings and turns reports into statements."""
    here, package = Path(__file__).parent, Path(melp.__file__).parent
    rooms = [package / room for room in ("corpora", "reports", "simulator", "io")]
    files = [file for room in rooms for file in room.rglob("*") if file.suffix != ".pyc"]
    digest = hashlib.sha256()
    for file in sorted([*files, here / "quality.py", here / "prepare.py", package / "ecg.py"]):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def relative(text: str, raw: Path | None) -> str:
    """`text` with every path below `raw` told from there: where a corpus lies is no part of what it is."""
    return text.replace(f"{raw}/", "") if raw is not None else text
