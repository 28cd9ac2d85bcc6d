"""The file formats: one module each, recognised by content.

A module of this folder has

* `NAME`, its name in messages and tables,
* `ENDINGS`, the usual endings of its files, for tables only,
* `NEEDS`, the package of the extra `formats` without which it cannot be read, or "",
* `matches(source) -> bool`: whether `source.head`, `source.text` or `source.root` is of this format,
* `read(source) -> ECG`: in mV, with the leads in any order. `melp.io.recording.to_ecg` builds the ECG. What
  is doubtful is added to `source.warnings`. Errors are `source.error(...)`; another exception becomes a line
  too, but says less.

Modules are imported only when a file is read; packages of the extra only within `read`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple, Protocol, cast

from melp.ecg import ECG
from melp.errors import MelpError
from melp.io.source import Source

# In this order: what is certain by its first bytes, then what needs a path, then what is only likely.
FORMATS = (
    "muse",
    "sapphire",
    "cardiosoft",
    "philips",
    "kardia",
    "numpy_arrays",
    "hdf5_file",
    "parquet_table",
    "matlab_struct",
    "dicom",
    "ishne",
    "scp_ecg",
    "scp_healforce",
    "edf",
    "hl7_aecg",
    "mfer",
    "wfdb_record",
    "apple_watch",
    "delimited",
)


class FormatModule(Protocol):
    """What a module of this folder has."""

    NAME: str
    ENDINGS: tuple[str, ...]
    NEEDS: str

    def matches(self, source: Source) -> bool:
        """Return whether the source is of this format."""

    def read(self, source: Source) -> ECG:
        """Read the source."""


class Format(NamedTuple):
    """A file format that `melp.read` reads.

    Attributes:
        name: such as "HL7 aECG".
        endings: the usual endings of its files; the content decides.
        needs: the package that `pip install 'melp[formats]'` brings, or "".
    """

    name: str
    endings: tuple[str, ...]
    needs: str


def modules() -> Iterator[FormatModule]:
    """Yield the modules in the order in which they are asked."""
    for name in FORMATS:
        yield cast(FormatModule, importlib.import_module(f"{__name__}.{name}"))


def list_formats() -> list[Format]:
    """Return the formats that `melp.read` reads, by name."""
    return sorted(Format(one.NAME, one.ENDINGS, one.NEEDS) for one in modules())


def find_format(source: Source) -> FormatModule | None:
    """Return the module for the content of a source, or None.

    Raises:
        MelpError: the package that the format needs is not installed.
    """
    for module in modules():
        if module.matches(source):
            if module.NEEDS and find_spec(module.NEEDS) is None:
                wanted = f"wanted the package {module.NEEDS}: pip install 'melp[formats]'"
                raise MelpError(f"{source.name}: {module.NAME} found, {wanted}")
            return module
    return None
