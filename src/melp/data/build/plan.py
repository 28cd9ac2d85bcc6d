"""Checks before a build, and the plan: everything that the bytes of the store depend on."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import melp
from melp.corpora import Options
from melp.data.build.spool import Spooled
from melp.data.build.windows import WINDOW_COLUMNS
from melp.data.store import FORMAT
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.reports import AUTO, LANGUAGES
from melp.simulator.corpora import SIMULATED

_PACKAGES = ("numpy", "scipy", "pyarrow", "wfdb")


def check_options(options: Options, workers: int) -> None:
    """Raise `MelpError` if a number is not positive, or the language is not one of those of the reports."""
    numbers = {"rate": options.rate, "seconds": options.seconds, "workers": workers}
    if options.records is not None:
        numbers["records"] = options.records
    for name, value in numbers.items():
        if not value > 0:
            raise MelpError(f"--{name}: {value:g}, wanted more than 0")
    if options.windows not in ("first", "all"):
        raise MelpError(f"--windows: {options.windows!r}, wanted first or all")
    if options.language not in (*LANGUAGES, AUTO):
        raise MelpError(f"--language: {options.language!r}, wanted {', '.join(LANGUAGES)} or {AUTO}")


def check_missing(spooled: Spooled, allow_missing: bool, corpus: str) -> None:
    """Raise `MelpError` if all recordings are missing, or, without `allow_missing`, if any is."""
    if not spooled.missing or (allow_missing and spooled.present):
        return
    advice = "; --allow-missing builds without them" if spooled.present else ""
    named = ", ".join(spooled.named) + (", ..." if spooled.missing > len(spooled.named) else "")
    counts = f"{spooled.missing} of {spooled.total} recordings are missing on disk"
    raise MelpError(f"{corpus}: {counts}{advice} (missing: {named})")


def make_plan(
    corpus: str, raw: Path | None, options: Options, compression: str, spooled: Spooled
) -> dict[str, Any]:
    """Return everything that the bytes of the store depend on, and the notes on the listing."""
    simulated = raw is not None and (raw / SIMULATED).is_file()
    return {
        "format": FORMAT,
        "corpus": corpus,
        "rate": options.rate,
        "seconds": options.seconds,
        "samples": round(options.rate * options.seconds),
        "language": options.language,
        "unit": "microvolt",
        "leads": list(LEADS),
        "compression": compression,
        "input": spooled.digest,
        "columns": {**spooled.columns, **(WINDOW_COLUMNS if options.windows == "all" else {})},
        "notes": list(spooled.notes),
        **({"simulated": True} if simulated else {}),
        "versions": {"melp": melp.__version__, "code": _code(), **_versions()},
    }


def _code() -> str:
    """Return a digest of the code that lists, reads, simulates and flags recordings and parses reports."""
    here, package = Path(__file__).parent, Path(melp.__file__).parent
    rooms = [package / room for room in ("corpora", "reports", "simulator", "io")]
    files = [file for room in rooms for file in room.rglob("*") if file.suffix != ".pyc"]
    digest = hashlib.sha256()
    for file in sorted(
        [*files, here / "quality.py", here / "prepare.py", here / "repeats.py", package / "ecg.py"]
    ):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "none"
    return versions


def relative(text: str, raw: Path | None) -> str:
    """Return `text` with paths relative to `raw`: a store does not depend on the folder of the corpus."""
    return text.replace(f"{raw}/", "") if raw is not None else text
