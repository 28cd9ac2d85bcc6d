"""What the headers of PhysioNet's 12-lead collections say of a patient: `#Age`, `#Sex` and `#Dx`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from melp.ecg import ECG

_OLDEST = 120
_SEX = {"female": "female", "f": "female", "male": "male", "m": "male"}
_NOTHING = ("", "nan", "unknown", "none")


@dataclass(frozen=True)
class PatientInfo:
    """A patient.

    Attributes:
        age: years; NaN where unknown.
        sex: "female", "male" or "".
        codes: diagnoses in SNOMED CT, each once, in the header's order.
    """

    age: float
    sex: str
    codes: tuple[str, ...]


def patient_info(comments: Iterable[str]) -> PatientInfo:
    """The patient of a header's comments, in any of the published spellings (`#Dx: 1,2`, `# Dx: 1,2`)."""
    fields: dict[str, str] = {}
    for comment in comments:
        name, _, value = comment.lstrip("# \t").partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    codes = (code.strip() for code in fields.get("dx", "").split(","))
    return PatientInfo(
        age=_age(fields.get("age", "")),
        sex=_SEX.get(fields.get("sex", "").lower(), ""),
        codes=tuple(dict.fromkeys(code for code in codes if code.lower() not in _NOTHING)),
    )


def with_patient_info(ecg: ECG, names: Mapping[str, str], labels: tuple[str, ...] = ()) -> ECG:
    """`ecg` with age, sex and labels of its header in `meta`.

    Args:
        names: label of each code; a code without one is its own.
        labels: stand for those of the header, where there are any.
    """
    told = patient_info(ecg.meta.get("comments", ()))
    found = labels or tuple(dict.fromkeys(names.get(code, code) for code in told.codes))
    return ecg.with_meta(age=told.age, sex=told.sex, labels=list(found))


def _age(text: str) -> float:
    if re.fullmatch(r"\d{1,3}(\.\d*)?", text, re.ASCII) is None:
        return float("nan")
    age = float(text)
    return age if age <= _OLDEST else float("nan")
