"""Conditions that the synthetic corpus does not have, but PTB-XL and Chapman-Shaoxing-Ningbo do.

They are not in `conditions.CONDITIONS`, so that the records of the synthetic corpus stay as they are.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from melp.simulator import atria, conduction, myocardium
from melp.simulator.conditions import CONDITIONS, Condition, compatible, draw_conditions

FURTHER: dict[str, Condition] = {
    "SVTAC": Condition("rhythm"),
    "PSVT": Condition("rhythm"),
    "SVARR": Condition("rhythm"),
    "AT": Condition("rhythm", change=atria.ectopic_focus),
    "ILBBB": Condition("bundle", change=conduction.incomplete_left_bundle_branch_block),
    "IRBBB": Condition("bundle", change=conduction.incomplete_right_bundle_branch_block),
    "IVCD": Condition("bundle", change=conduction.intraventricular_delay),
    "PMI": Condition("infarct", change=myocardium.posterior_scar),
    "LOWT": Condition("acute", change=myocardium.low_t),
    "NT": Condition("acute", change=myocardium.shallow_t_inversion),
    "NST": Condition("acute", change=myocardium.slight_st_depression),
    "DIG": Condition("acute", change=myocardium.digitalis),
    "ERV": Condition("acute", change=myocardium.early_repolarisation),
    "UW": Condition("acute", change=myocardium.u_waves),
    "CR": Condition("rotation", change=myocardium.clockwise_rotation),
    "CCR": Condition("rotation", change=myocardium.counterclockwise_rotation),
    "HVOLT": Condition("voltage", change=myocardium.high_voltage),
    "LAE": Condition("atria", change=atria.left_enlargement),
    "RAE": Condition("atria", change=atria.right_enlargement),
    "TRIGU": Condition("ectopy"),
}
ALL_CONDITIONS = {**CONDITIONS, **FURTHER}
"""In the order of their application."""

_MUSCLE_GROUPS = {"chamber", "infarct", "acute", "voltage"}
_ALONE = {"NORM", "PACE", "3AVB"}
_BLOCKS = {"1AVB", "2AVB_I", "2AVB_II"}
_CHANGED_QRS = {"CLBBB", "CRBBB", "WPW", "LVH", "RVH"}
_CHANGED_T = _CHANGED_QRS | {"ILBBB", "AMI", "IMI", "LMI", "PMI", "LVOLT"}
_MUSCLE = {code for code in ALL_CONDITIONS if ALL_CONDITIONS[code].group in _MUSCLE_GROUPS}
_ROTATED = _CHANGED_T | {"IRBBB", "LAFB", "LPFB", "STEMI_ANT", "HVOLT"}
_FAST = _BLOCKS | {"PVC", "PAC", "BIGU", "TRIGU", "WPW", "LNGQT", "ISC", "LAE", "RAE"}
# As in `conditions.EXCLUDES`.
_EXCLUDES: dict[str, Set[str]] = {
    "SVTAC": _FAST,
    "AT": _FAST,
    "PSVT": _FAST,
    "SVARR": _FAST,
    "ILBBB": _MUSCLE | {"LAFB", "LPFB", "LNGQT"},
    "IRBBB": {"RVH", "AMI", "PMI", "LVOLT", "LPFB", "LAFB"},
    "IVCD": {"RVH", "LVOLT"},
    "PMI": _CHANGED_QRS | {"STEMI_ANT", "STEMI_INF", "STEMI_LAT", "INVT", "LVOLT", "LAFB", "LPFB"},
    "LOWT": _CHANGED_T,
    "NT": _CHANGED_T,
    "NST": _CHANGED_T,
    "DIG": _CHANGED_T | {"LNGQT"},
    "ERV": _CHANGED_T | {"LAFB", "LPFB"},
    "UW": _CHANGED_T | {"LNGQT", "AFIB", "AFLT", "STACH", "SVTAC", "PSVT", "AT", "SVARR"},
    "CR": _ROTATED,
    "CCR": _ROTATED,
    "HVOLT": _CHANGED_T | {"LAFB", "LPFB"},
    "LAE": {"AFIB", "AFLT", "LVOLT"},
    "RAE": {"AFIB", "AFLT", "LVOLT"},
    "TRIGU": {"AFIB", "AFLT", "STACH", "SARRH", "2AVB_I", "2AVB_II", "WPW", "LNGQT"},
}
_SHARE = 0.4


def fits(first: str, second: str) -> bool:
    """Return whether two of all conditions can occur together and both be visible."""
    if first in CONDITIONS and second in CONDITIONS:
        return compatible(first, second)
    if ALL_CONDITIONS[first].group == ALL_CONDITIONS[second].group or {first, second} & _ALONE:
        return False
    return second not in _EXCLUDES.get(first, set()) and first not in _EXCLUDES.get(second, set())


def draw_all_conditions(rng: np.random.Generator, age: float) -> frozenset[str]:
    """Draw conditions as `draw_conditions` does, in two of five records with one of `FURTHER`.

    It is beside those that it fits, or replaces all if it fits none.
    """
    drawn = draw_conditions(rng, age)
    if rng.random() >= _SHARE:
        return drawn
    further = str(rng.choice(list(FURTHER)))
    return frozenset({further, *(code for code in drawn if fits(further, code))})
