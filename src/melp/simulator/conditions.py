"""The catalogue of conditions: what they change, and which can occur together."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import partial

import numpy as np

from melp.simulator import conduction, myocardium
from melp.simulator.heart import Heart

Change = Callable[[Heart, np.random.Generator], None]


@dataclass(frozen=True)
class Condition:
    """A condition that an ECG can show.

    Attributes:
        group: at most one condition of a group occurs at a time.
        age: typical age in years.
        change: changes the heart; None for conditions that affect timing or noise.
    """

    group: str
    age: int = 62
    change: Change | None = None


# In the order of application: conduction defines the beat, the muscle changes it, voltage comes last.
CONDITIONS: dict[str, Condition] = {
    "NORM": Condition("normal", 45),
    "STACH": Condition("rhythm", 50),
    "SBRAD": Condition("rhythm", 52),
    "SARRH": Condition("rhythm", 35),
    "AFIB": Condition("rhythm", 72),
    "AFLT": Condition("rhythm", 68),
    "PACE": Condition("rhythm", 74, conduction.pacing),
    "1AVB": Condition("atrioventricular", 66),
    "2AVB_I": Condition("atrioventricular", 62),
    "2AVB_II": Condition("atrioventricular", 70),
    "3AVB": Condition("atrioventricular", 74),
    "CLBBB": Condition("bundle", 68, conduction.left_bundle_branch_block),
    "LAFB": Condition("fascicle", 64, conduction.left_anterior_fascicular_block),
    "LPFB": Condition("fascicle", 62, conduction.left_posterior_fascicular_block),
    "LVH": Condition("chamber", 66, myocardium.left_hypertrophy),
    "RVH": Condition("chamber", 52, myocardium.right_hypertrophy),
    "AMI": Condition("infarct", 66, partial(myocardium.scar, territory="anterior")),
    "IMI": Condition("infarct", 66, partial(myocardium.scar, territory="inferior")),
    "LMI": Condition("infarct", 66, partial(myocardium.scar, territory="lateral")),
    "STEMI_ANT": Condition("acute", 62, partial(myocardium.injury, territory="anterior")),
    "STEMI_INF": Condition("acute", 62, partial(myocardium.injury, territory="inferior")),
    "STEMI_LAT": Condition("acute", 62, partial(myocardium.injury, territory="lateral")),
    "ISC": Condition("acute", 66, myocardium.subendocardial_ischaemia),
    "INVT": Condition("acute", 60, myocardium.t_inversion),
    "CRBBB": Condition("bundle", 64, conduction.right_bundle_branch_block),
    "WPW": Condition("bundle", 34, conduction.preexcitation),
    "LNGQT": Condition("interval", 52, myocardium.long_qt),
    "LVOLT": Condition("voltage", 60, myocardium.low_voltage),
    "PVC": Condition("ectopy", 60),
    "PAC": Condition("ectopy", 62),
    "BIGU": Condition("ectopy", 62),
    "ARTEFACT": Condition("quality", 58),
}

_BLOCKS = {"2AVB_I", "2AVB_II", "3AVB"}
_ECTOPY = {"PVC", "PAC", "BIGU"}
_CHAMBER = {"LVH", "RVH"}
_INFARCT = {"AMI", "IMI", "LMI"}
_STEMI = {"STEMI_ANT", "STEMI_INF", "STEMI_LAT"}
_ACUTE = _STEMI | {"ISC", "INVT"}
_MUSCLE = _CHAMBER | _INFARCT | _ACUTE | {"LVOLT"}
_SINUS = {"STACH", "SBRAD", "SARRH"}

# Conditions that cannot occur together, or of which one hides the other; each pair is listed once.
EXCLUDES: dict[str, Set[str]] = {
    "NORM": set(CONDITIONS),
    "PACE": set(CONDITIONS) - {"ARTEFACT"},
    "AFIB": _BLOCKS | {"1AVB", "PAC", "WPW", "LNGQT", "BIGU"},
    "AFLT": _BLOCKS | _ECTOPY | {"1AVB", "WPW", "LNGQT", "LVOLT", "ISC", "INVT", "RVH"},
    "STACH": _BLOCKS | {"LNGQT", "BIGU", "1AVB"},
    "SBRAD": _BLOCKS,
    "SARRH": _BLOCKS | _ECTOPY,
    "1AVB": {"WPW"},
    "2AVB_I": _ECTOPY | {"WPW", "LNGQT"},
    "2AVB_II": _ECTOPY | {"WPW", "LNGQT"},
    "3AVB": _ECTOPY | _MUSCLE | {"CLBBB", "CRBBB", "WPW", "LAFB", "LPFB", "LNGQT"},
    "CLBBB": _MUSCLE | {"LAFB", "LPFB", "LNGQT"},
    "CRBBB": {"RVH", "INVT", "LVOLT", "AMI", "LNGQT"},
    "WPW": _MUSCLE | {"LAFB", "LPFB", "LNGQT", "BIGU"},
    "LAFB": {"RVH", "LVOLT", "IMI", "LMI"},
    "LPFB": _CHAMBER | {"LVOLT", "IMI", "LMI"},
    "LVH": _ACUTE | {"AMI", "LMI", "LVOLT"},
    "RVH": _ACUTE | _INFARCT | {"LVOLT"},
    "LVOLT": _INFARCT | _ACUTE | {"ARTEFACT"},
    "LNGQT": _STEMI | {"BIGU"},
    **{code: _STEMI | {"INVT"} for code in _INFARCT},
}

_NOT_PLAIN_SINUS = _SINUS | {"AFIB", "AFLT", "PACE", "3AVB", "SVTAC", "PSVT", "AT", "SVARR"}
# The coarser codes of PTB-XL, and the finding that a pattern consists of.
_IMPLIED = {"2AVB_I": "2AVB", "2AVB_II": "2AVB", "BIGU": "PVC"}

# Normal ECGs are common; conditions that exclude most others would be too rare.
_FREQUENCY = {
    "NORM": 3.0,
    "PACE": 1.7,
    "3AVB": 1.7,
    "WPW": 1.5,
    "CLBBB": 1.2,
    "RVH": 1.2,
    "INVT": 1.2,
    "LVOLT": 1.2,
}


def compatible(first: str, second: str) -> bool:
    """Return whether two conditions can occur together and both be visible."""
    if CONDITIONS[first].group == CONDITIONS[second].group:
        return False
    return second not in EXCLUDES.get(first, set()) and first not in EXCLUDES.get(second, set())


def draw_conditions(rng: np.random.Generator, age: float) -> frozenset[str]:
    """Draw a condition that is typical at `age`, often with one or two compatible ones."""
    names = list(CONDITIONS)
    weights = np.array([np.exp(-0.5 * ((age - CONDITIONS[name].age) / 30) ** 2) for name in names])
    weights *= [_FREQUENCY.get(name, 1.0) for name in names]
    chosen = [names[rng.choice(len(names), p=weights / weights.sum())]]
    # Incompatible proposals are rejected, so a condition that excludes most others mostly occurs alone.
    for proposed in rng.integers(len(names), size=rng.integers(4)):
        if all(compatible(names[proposed], code) for code in chosen):
            chosen.append(names[proposed])
    return frozenset(chosen)


def is_sinus(conditions: Set[str]) -> bool:
    """Return whether the rhythm is a sinus rhythm of normal rate and regularity, conducted or not."""
    return not conditions & _NOT_PLAIN_SINUS


def statement_codes(conditions: Set[str]) -> tuple[str, ...]:
    """Return the statement codes of a record: its conditions and the coarser codes of PTB-XL for them."""
    implied = {_IMPLIED[code] for code in conditions if code in _IMPLIED}
    return tuple(sorted(conditions | implied | ({"SR"} if is_sinus(conditions) else set())))
