"""Damage the files of a recording at random."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

NUMBERS = [
    b"0", b"-0", b"1", b"-1", b"-32768", b"1.5", b"13", b"65536", b"2147483648", b"1000000000000", b"9" * 19,
    b"9" * 400, b"nan", b"inf", b"-inf", b"1e308", b"1e-320", b"1e999", b"0x10", b"",
]  # fmt: skip
NAMES = [
    b"../../etc/passwd", b"/etc/passwd", b"/dev/zero", b"..", b".", b"~", b"-", b"rec.hea", b"rec", b"one",
    b"s3://bucket/key", b"file:///etc/passwd", b"zip://a::b", b"%s%n", b"a\0b", b"\xff\xfe", b"a" * 300,
    "größe".encode(),
]  # fmt: skip


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for position in rng.integers(0, max(len(data), 1), rng.integers(1, 9)) if data else ():
        changed[position] ^= 1 << rng.integers(8)
    return bytes(changed)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data) + 1)]


def extend(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 5000)))


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]


def any_of(choices: list[bytes], rng: np.random.Generator) -> bytes:
    return choices[rng.integers(len(choices))]


def replace_one(pattern: bytes, choices: list[bytes]) -> Callable[[bytes, np.random.Generator], bytes]:
    def change(data: bytes, rng: np.random.Generator) -> bytes:
        matches = list(re.finditer(pattern, data))
        if not matches:
            return data
        match = matches[rng.integers(len(matches))]
        return data[: match.start()] + any_of(choices, rng) + data[match.end() :]

    return change


def change_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    at, other = rng.integers(0, len(lines), 2)
    kind = rng.integers(4)
    if kind == 0:
        lines[at:at] = [lines[at]] * int(rng.integers(1, 200))
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = lines[at] + b" " + lines[other]
    return b"\n".join(lines)


other_number = replace_one(rb"-?[0-9.]+", NUMBERS)
other_name = replace_one(rb"(?m)^\S+", NAMES)
other_word = replace_one(rb"\S+", NAMES)
other_space = replace_one(rb"[ \n]", [b"", b"\n", b"\r", b"\t", b"\x85"])
HEADER_CHANGES = [
    flip_bits, truncate, insert, change_lines, change_lines, other_number, other_number, other_number,
    other_name, other_word, other_space,
]  # fmt: skip
DATA_CHANGES = [flip_bits, flip_bits, truncate, extend, insert, lambda data, rng: b""]


def change_file(file: Path, rng: np.random.Generator) -> None:
    """Damage the content of `file`, or replace it by a pipe or link."""
    if rng.random() < 0.1:
        data = file.read_bytes()
        file.unlink()
        if rng.random() < 0.2:
            os.mkfifo(file)
        elif rng.random() < 0.2:
            other = file.with_name("elsewhere")
            other.write_bytes(data)
            file.symlink_to(other)
        else:
            targets = ["/dev/zero", "/etc/passwd", "/", "absent", file.name, "."]
            file.symlink_to(targets[rng.integers(len(targets))])
        return
    changes = HEADER_CHANGES if file.suffix == ".hea" else DATA_CHANGES
    for _ in range(rng.integers(1, 4)):
        file.write_bytes(changes[rng.integers(len(changes))](file.read_bytes(), rng))


def damage(folder: Path, rng: np.random.Generator) -> None:
    headers = sorted(folder.glob("*.hea"))
    others = sorted(set(folder.iterdir()) - set(headers))
    group = headers if headers and rng.random() < 0.7 else others
    change_file(group[rng.integers(len(group))], rng)
