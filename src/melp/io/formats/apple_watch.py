"""Apple Watch: the CSV files in the export of the Health app, one for each ECG.

Lines of names and values, in the language of the phone, are followed by one sample a line. Numbers have a
decimal comma where the language has one. Of the names, only those that say rate, unit and classification are
looked for; those of the patient are not read.
"""

from __future__ import annotations

import re

import numpy as np

from melp.ecg import ECG
from melp.io.recording import to_ecg
from melp.io.source import Source
from melp.io.values import in_millivolt
from melp.io.xml_text import decode

NAME = "Apple Watch CSV"
ENDINGS = (".csv",)
NEEDS = ""

_HERTZ = r"(?:hz|hert\w*|herc\w*|герц\w*|赫兹|赫茲|赫|ヘルツ|헤르츠|هرتز|הרץ|เฮิรตซ์|χερτζ|हर्ट्ज़?)"
_RATE = re.compile(
    rf"""^[^,;\t\n]{{1,60}}[,;\t]\s*"?\s*(\d[\d.,]{{0,20}})\s*{_HERTZ}""", re.IGNORECASE | re.MULTILINE
)
_SAMPLE = re.compile(r"""\s*"?[-+−]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?"?[,;\s]*""")
_CLASS = re.compile(r"(?:clas+if|klas+if)", re.IGNORECASE)
_HEAD = 40  # lines


def matches(source: Source) -> bool:
    """Return whether there is a rate in hertz, in any language, and then one number a line."""
    head = source.text.splitlines()[:_HEAD]
    rate = next((row for row, line in enumerate(head) if _RATE.match(line)), None)
    if rate is None:
        return False
    samples = [row for row, line in enumerate(head) if _SAMPLE.fullmatch(line)]
    return bool(samples) and samples[0] > rate


def read(source: Source) -> ECG:
    """Read lead I, in mV; `meta["statements"]` has the watch's classification.

    Raises:
        BadRecordError: a line among the samples is none, or rate or unit cannot be read.
    """
    lines = decode(source.data).splitlines()
    first = next((row for row, line in enumerate(lines) if _SAMPLE.fullmatch(line)), len(lines))
    header = [line for line in lines[:first] if line.strip()]
    rate = next((match[1] for line in header if (match := _RATE.match(line))), "")
    values = [re.split(r"[,;\t]", line, maxsplit=1) for line in header]
    named = [(name, value[0].strip(' "')) for name, *value in values if value]
    unit = next((value for _, value in named if in_millivolt(value) is not None), None)
    classes = tuple(value for name, value in named if _CLASS.search(name) and value)
    samples = _samples(source, lines, first)
    hertz = source.sampling_rate(float(rate.rstrip(",.").replace(",", ".")) if rate else None)
    return to_ecg(source, [("I", samples * source.millivolt(unit))], hertz, statements=classes)


def _samples(source: Source, lines: list[str], first: int) -> np.ndarray:
    samples = []
    for row, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        if not _SAMPLE.fullmatch(line):
            raise source.error(f"line {row}: {line[:30]!a} found, wanted a sample")
        samples.append(float(line.strip(" \t\"'").rstrip(',;" \t').replace("−", "-").replace(",", ".")))
    return np.array(samples)
