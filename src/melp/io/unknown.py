"""Files of no known format: what they are instead."""

from __future__ import annotations

import re

from melp.io.source import Source

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"MATLAB ", "a MATLAB file"),
    (0, b"\x80\x04", "a Python pickle"),
    (0, b"PAR1", "a Parquet table"),
)
_NOT_TEXT = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x80-\x9f]")


def describe(source: Source) -> str:
    """Say what is recognised about content of no known format, such as "a zip archive"."""
    head = source.head
    if not head:
        return "an empty file"
    for position, magic, name in _MAGIC:
        if head.startswith(magic, position):
            return name
    if source.root:
        return f"XML with the root {source.root[:40]!a}"
    text = source.text
    if _NOT_TEXT.search(text):
        return "unknown binary data"
    return "JSON" if text.lstrip().startswith(("{", "[")) else "text"
