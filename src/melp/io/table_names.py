"""What the names of columns and the lines above a table say: leads, units, times, rates."""

from __future__ import annotations

import re

from melp.io.values import in_millivolt
from melp.leads import normalise_lead_name

_VOLT = r"(?:[mµμun]|milli|micro|nano)?v(?:olts?)?"
_WITH_UNIT = re.compile(rf"(.*?)[\s_/-]*[\[({{]?\s*({_VOLT})\s*[\])}}]?", re.IGNORECASE)
_WORD = re.compile(
    r"(?:ableitung|d[ée]rivation|derivaci[óo]n|derivazione|avledning|afleiding|channel|signal)\W*",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:elapsed[\s_]*)?(?:times?|t|zeit|temps|tiempo|tempo|tid)"
    r"(?:[\s_/]*[\[(]?\s*(s|ms|us|µs|μs|sec|secs|msec|usec|seconds?|milliseconds?|microseconds?)\s*[\])]?)?"
    r"|(s|sec|seconds?|ms|msec|milliseconds?)",
    re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6}
_UNKNOWN = -1.0
_LONGEST = 60  # characters of a name
_INDEX = re.compile(
    r"(?:index|idx|samples?(?:[\s_]?(?:number|nr|no|index|#))?|n|nr|no|#|row|unnamed: \d+|)", re.IGNORECASE
)
_RATE = re.compile(
    r"(?:sampl\w*[\s_-]*(?:rate|freq\w*)|abtastrate|(?<![a-z])fs|(?<![a-z])sfreq|(?:^|\n)[#\s]*rate)"
    r"[^\w\n.,-]{1,6}(?:\(hz\)\W{0,4})?(\d+(?:[.,]\d+)?)\s*\"?(k?hz|hertz)?",
    re.IGNORECASE,
)
_UNIT = re.compile(rf"units?\W{{1,6}}({_VOLT})(?![a-z])", re.IGNORECASE)


def parts_of_name(name: str) -> tuple[str | None, str]:
    """Return the standard name of a lead and the unit behind it: "ECG I [uV]" is ("I", "uV").

    The lead is None if the name is none of the twelve, the unit "" if there is none.
    """
    name = name.strip().strip("'\"").strip()
    if not name or len(name) > _LONGEST or name[0] in "+-.,0123456789":
        return None, ""
    name = _WORD.sub("", name, count=1)
    if lead := normalise_lead_name(name):
        return lead, ""
    match = _WITH_UNIT.fullmatch(name)
    if match is None or in_millivolt(match[2]) is None or not match[1].strip():
        return None, ""
    return normalise_lead_name(match[1]), match[2]


def seconds_of_time(name: str) -> float:
    """Return the unit in seconds of a column of times; -1 for times without a unit, 0 for other columns."""
    match = _TIME.fullmatch(name.strip().strip("'\"").strip()[:_LONGEST])
    if match is None:
        return 0.0
    unit = match[1] or match[2]
    return _SECONDS[unit[0].lower()] if unit else _UNKNOWN


def is_index(name: str) -> bool:
    """Return whether a column numbers the samples."""
    return _INDEX.fullmatch(name.strip()) is not None


def said_rate(text: str) -> float | None:
    """Return the sampling rate in Hz that lines above a table state."""
    match = _RATE.search(text)
    if match is None:
        return None
    return float(match[1].replace(",", ".")) * (1000 if (match[2] or "").lower() == "khz" else 1)


def said_unit(text: str) -> str | None:
    """Return the unit of voltage that lines above a table state."""
    match = _UNIT.search(text)
    return match[1] if match else None
