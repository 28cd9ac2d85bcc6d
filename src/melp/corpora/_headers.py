"""Patient information from the headers of PhysioNet's 12-lead collections: `#Age`, `#Sex` and `#Dx`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from melp.ecg import ECG

_MAX_AGE = 120
_SEX = {"female": "female", "f": "female", "male": "male", "m": "male"}
_UNKNOWN = ("", "nan", "unknown", "none")


@dataclass(frozen=True)
class PatientInfo:
    """Age, sex and diagnoses of a patient.

    Attributes:
        age: years; NaN if unknown.
        sex: "female", "male" or "".
        codes: diagnoses in SNOMED CT, each once, in the header's order.
    """

    age: float
    sex: str
    codes: tuple[str, ...]


def patient_info(comments: Iterable[str]) -> PatientInfo:
    """Parse the comments of a header, in any of the published spellings (`#Dx: 1,2`, `# Dx: 1,2`)."""
    fields: dict[str, str] = {}
    for comment in comments:
        name, _, value = comment.lstrip("# \t").partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    codes = (code.strip() for code in fields.get("dx", "").split(","))
    return PatientInfo(
        age=_age(fields.get("age", "")),
        sex=_SEX.get(fields.get("sex", "").lower(), ""),
        codes=tuple(dict.fromkeys(code for code in codes if code.lower() not in _UNKNOWN)),
    )


def with_patient_info(ecg: ECG, names: Mapping[str, str], labels: tuple[str, ...] = ()) -> ECG:
    """Return `ecg` with age, sex and labels from its header in `meta`.

    Args:
        names: the label of each code; the code itself is used if absent.
        labels: if not empty, replace the labels of the header.
    """
    info = patient_info(ecg.meta.get("comments", ()))
    labels = labels or tuple(dict.fromkeys(names.get(code, code) for code in info.codes))
    return ecg.with_meta(age=info.age, sex=info.sex, labels=list(labels))


def _age(text: str) -> float:
    if re.fullmatch(r"\d{1,3}(\.\d*)?", text, re.ASCII) is None:
        return float("nan")
    age = float(text)
    return age if age <= _MAX_AGE else float("nan")
