"""What is read: a file, bytes or an open file, with what the user says about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from melp.ecg import BadRecordError
from melp.errors import MelpError
from melp.io.values import in_millivolt
from melp.io.xml_text import decode, parse_xml, root_name

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HEAD = 1 << 16
"""Bytes by which formats are recognised."""
MAX_SIZE = 1 << 30
"""Bytes of the largest file that is read into memory."""


def decoded(field: bytes) -> str:
    """Return a field of a header up to its first zero byte as text: UTF-8, else Latin-1."""
    field = field.partition(b"\0")[0]
    try:
        return field.decode("utf-8").strip()
    except UnicodeDecodeError:
        return field.decode("latin-1").strip()


def printable(text: str) -> str:
    """Return a text from a file in one line, with "?" for what cannot be printed."""
    return "".join(character if character.isprintable() else "?" for character in text)


@dataclass(eq=False)
class Source:
    """The content of a recording, read on first use.

    Attributes:
        name: the path, or what stands for it in messages.
        path: None for bytes and open files.
        rate: samples a second, for files that do not say it.
        unit: the unit of the samples, for files that do not say it.
        leads: the leads to read; for files without names of leads, the names of their channels in order.
        warnings: a sentence for each doubtful thing found; becomes `meta["warnings"]`.
    """

    name: str
    path: Path | None = None
    content: bytes | None = None
    rate: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        source: str | Path | bytes | BinaryIO,
        leads: tuple[str, ...] | None = None,
        rate: float | None = None,
        unit: str | None = None,
    ) -> Source:
        """Return the source for a path, bytes, or a file opened in binary mode (read from where it is)."""
        if isinstance(source, str | Path):
            return cls(str(source), Path(source), None, rate, unit, leads)
        if isinstance(source, bytes | bytearray | memoryview):
            return cls("bytes", None, bytes(source), rate, unit, leads)
        if not hasattr(source, "read"):
            raise MelpError(f"recording: {type(source).__name__} found, wanted a path, bytes or an open file")
        content, name = source.read(MAX_SIZE + 1), str(getattr(source, "name", "file"))
        if not isinstance(content, bytes):
            raise MelpError(f"{name}: a file opened as text found, wanted one opened in binary mode")
        return cls(name, None, content, rate, unit, leads)

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB; nothing if there is no such file."""
        if self.content is not None or self.path is None or not self.path.is_file():
            return (self.content or b"")[:HEAD]
        with self.path.open("rb") as file:
            return file.read(HEAD)

    @cached_property
    def data(self) -> bytes:
        """All bytes."""
        content = self.content
        if content is None:
            assert self.path is not None
            if not self.path.is_file():
                raise self.error("no such file", "missing file")
            if len(self.head) < HEAD:
                return self.head
            with self.path.open("rb") as file:
                content = file.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            raise self.error(f"over {MAX_SIZE >> 30} GiB found, wanted less")
        return content

    @cached_property
    def text(self) -> str:
        """The head as text, whatever its encoding: UTF-8 and UTF-16 with and without byte order mark."""
        return decode(self.head)

    @cached_property
    def root(self) -> str:
        """The name of the root element of an XML file, without its namespace; "" for other files."""
        return root_name(self.text)

    def xml(self) -> Element:
        """Return the root element of an XML file; names of elements are without their namespaces."""
        try:
            return parse_xml(decode(self.data))
        except ValueError as error:
            raise self.error(str(error)) from None

    def error(self, message: str, reason: str = "unreadable") -> BadRecordError:
        """Return the error to raise: its message begins with the name of the source."""
        return BadRecordError(f"{self.name}: {printable(message)}", reason)

    def sampling_rate(self, found: float | None) -> float:
        """Return the rate in Hz that the file says, else the one asked for.

        Raises:
            BadRecordError: there is neither.
        """
        if found is None:
            if self.rate is None:
                raise self.error("no sampling rate found, wanted one: give the rate in Hz (--rate)")
            return self.rate
        if self.rate not in (None, found):
            self.warnings.append(f"the file says {found:g} Hz, not the {self.rate:g} Hz asked for")
        return found

    def millivolt(self, found: str | None) -> float:
        """Return the factor to mV for the unit that the file says, else for the one asked for.

        Raises:
            BadRecordError: there is neither, or the unit is none of voltage.
        """
        asked = None if self.unit is None else in_millivolt(self.unit)
        if self.unit is not None and asked is None:
            raise MelpError(f"unit: {self.unit!r} found, wanted mV, uV, nV or V")
        if found is None or not found.strip():
            if asked is None:
                raise self.error("no unit of the samples found, wanted one: give mV, uV, nV or V (--unit)")
            return asked
        factor = in_millivolt(re.sub(r"\s+", "", found))
        if factor is None:
            raise self.error(f"unit {found[:40]!a} found, wanted mV, uV, nV or V")
        if asked not in (None, factor):
            self.warnings.append(f"the file says {found.strip()}, not the {self.unit} asked for")
        return factor
