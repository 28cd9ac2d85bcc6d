"""ECG-language pretraining on three scales: tokens, beats and rhythm."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["ECG", "MelpError", "__version__", "list_encoders", "list_methods", "list_tasks", "load", "read"]

if TYPE_CHECKING:
    from melp.ecg import ECG
    from melp.errors import MelpError
    from melp.hub import load
    from melp.io import read
    from melp.methods import list_methods
    from melp.nn import list_encoders
    from melp.tasks import list_tasks

_HOMES = {
    "ECG": "melp.ecg",
    "MelpError": "melp.errors",
    "list_encoders": "melp.nn",
    "list_methods": "melp.methods",
    "list_tasks": "melp.tasks",
    "load": "melp.hub",
    "read": "melp.io",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'melp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
