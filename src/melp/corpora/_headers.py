"""Patient information from the headers of PhysioNet's 12-lead collections: `#Age`, `#Sex` and `#Dx`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from melp.ecg import ECG
from melp.io.values import is_nothing, parse_age, parse_sex

T = TypeVar("T")


@dataclass(frozen=True)
class PatientInfo:
    """Age, sex and diagnoses of a patient.

    Attributes:
        age: years; NaN if unknown.
        sex: "female", "male" or "".
        codes: diagnoses in SNOMED CT, each once, in the header's order.
        unread: "age", "sex", or both, if the header has one that cannot be read.
    """

    age: float
    sex: str
    codes: tuple[str, ...]
    unread: tuple[str, ...] = ()


def patient_info(comments: Iterable[str]) -> PatientInfo:
    """Parse the comments of a header, in any of the published spellings (`#Dx: 1,2`, `# Dx: 1,2`)."""
    fields: dict[str, str] = {}
    for comment in comments:
        name, _, value = comment.lstrip("# \t").partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    codes = (code.strip() for code in fields.get("dx", "").split(","))
    age, sex = _known(parse_age, fields.get("age", "")), _known(parse_sex, fields.get("sex", ""))
    return PatientInfo(
        age=float("nan") if age is None else age,
        sex=sex or "",
        codes=tuple(dict.fromkeys(code for code in codes if not is_nothing(code))),
        unread=tuple(name for name, value in (("age", age), ("sex", sex)) if value is None),
    )


def with_patient_info(ecg: ECG, names: Mapping[str, str], labels: tuple[str, ...] = ()) -> ECG:
    """Return `ecg` with age, sex and labels from its header in `meta`, and the names of those not read.

    Args:
        names: the label of each code; the code itself is used if absent.
        labels: if not empty, replace the labels of the header.
    """
    info = patient_info(ecg.meta.get("comments", ()))
    unread = {"unread": list(info.unread)} if info.unread else {}
    labels = labels or tuple(dict.fromkeys(names.get(code, code) for code in info.codes))
    return ecg.with_meta(age=info.age, sex=info.sex, labels=list(labels), **unread)


def _known(parse: Callable[[str], T], text: str) -> T | None:
    """Return a value of a header, or None if it cannot be read."""
    try:
        return parse(text)
    except ValueError:
        return None
