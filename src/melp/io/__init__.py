"""Read recordings from files of any known format."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from melp.ecg import ECG, BadRecordError
from melp.errors import MelpError
from melp.io.formats import find_format, list_formats

if TYPE_CHECKING:
    from melp.io.source import Source

__all__ = ["list_formats", "print_warnings", "read", "read_file"]


def read(
    source: str | Path | bytes | BinaryIO,
    leads: Sequence[str] | None = None,
    *,
    rate: float | None = None,
    unit: str | None = None,
) -> ECG:
    """Read a recording of any format of `list_formats`, recognised by its content.

    The leads are in standard order, and after them those that are not among the twelve (V3R, V7 ...). If
    something in the file is doubtful (`meta["warnings"]`: samples that differ from their checksum, or what
    was left out), one line on stderr says so.

    Args:
        source: a path, the bytes of a file, or a file opened in binary mode. A WFDB record needs a path: its
            header, a signal file or its stem.
        leads: the leads to read, in any spelling and order; default: all that the file has. III, aVR, aVL
            and aVF are computed from I and II if the file lacks them; `meta["derived"]` names them. For a
            file that does not name its channels, `leads` names them in their order.
        rate: samples a second, for a file that does not say it.
        unit: mV, uV, nV or V, for a file that does not say it.

    Raises:
        MelpError: the file does not exist, has no known format, lacks a lead, or cannot be used.
    """
    ecg = read_file(source, leads, rate=rate, unit=unit)
    print_warnings(ecg, source if isinstance(source, str | Path) else ecg.meta["path"])
    return ecg


def print_warnings(ecg: ECG, path: str | Path) -> None:
    """Print one line on stderr if something in the file of a recording is doubtful."""
    if warnings := ecg.meta.get("warnings"):
        print(f"melp: {path}: {'; '.join(warnings)}", file=sys.stderr)


def read_file(
    source: str | Path | bytes | BinaryIO,
    leads: Sequence[str] | None = None,
    *,
    rate: float | None = None,
    unit: str | None = None,
) -> ECG:
    """Read a recording as `read` does, and print nothing: for the many files of a corpus."""
    from melp.io.source import Source

    if rate is not None and not 0 < rate < math.inf:
        raise MelpError(f"rate: {rate} found, wanted more than 0 Hz")
    names = leads.split(",") if isinstance(leads, str) else leads
    named = Source.of(source, None if names is None else tuple(names), rate, unit)
    try:
        return _read(named)
    except MelpError:
        raise
    except OSError as error:  # such as a missing permission or a name that is too long
        raise MelpError(f"{named.name}: {error.strerror or error}") from error


def _read(source: Source) -> ECG:
    if source.path is not None and source.path.is_dir():
        raise MelpError(f"{source.name}: a folder, wanted a recording")
    module = find_format(source)
    if module is None:
        raise _unknown(source)
    try:
        ecg = module.read(source)
    except (MelpError, OSError):
        raise
    except Exception as error:  # damaged files raise whatever the packages and parsers did not foresee
        cause = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadRecordError(
            f"{source.name}: not a readable {module.NAME} file ({cause!a})", "unreadable"
        ) from error
    return _finish(source, ecg)


def _finish(source: Source, ecg: ECG) -> ECG:
    """Return a recording with its leads in standard order and its warnings, after checking its samples."""
    from melp.io.recording import in_standard_order
    from melp.io.source import printable
    from melp.io.wfdb import check_content

    if "path" not in ecg.meta:
        ecg = ecg.with_meta(path=source.name)
    ecg = in_standard_order(ecg, source.leads)
    if source.warnings:
        warnings = map(printable, source.warnings)
        ecg = ecg.with_meta(warnings=(*ecg.meta.get("warnings", ()), *warnings))
    return check_content(ecg, source.name)


def _unknown(source: Source) -> MelpError:
    from melp.io.unknown import describe

    if source.path is not None and not source.path.exists():
        return MelpError(f"{source.name}: no such file")
    if source.path is not None and not source.path.is_file():
        return MelpError(f"{source.name}: not a regular file, wanted a recording")
    what = describe(source)
    if what.endswith("archive"):
        return MelpError(f"{source.name}: {what} found, wanted the files in it: unpack it first")
    names = ", ".join(one.name for one in list_formats())
    return MelpError(f"{source.name}: {what} found, wanted one of {names}")
