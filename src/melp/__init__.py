"""ECG-language pretraining on three scales: tokens, beats and rhythm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from melp._lazy import lazy_getattr

if TYPE_CHECKING:
    from melp.ecg import ECG
    from melp.errors import MelpError
    from melp.hub import load
    from melp.io import list_formats, read
    from melp.methods import list_methods
    from melp.nn import list_encoders
    from melp.tasks import list_tasks

__version__ = "0.1.0"
__all__ = [
    "ECG", "MelpError", "__version__", "list_encoders", "list_formats", "list_methods", "list_tasks", "load",
    "read",
]  # fmt: skip

__getattr__ = lazy_getattr(
    __name__,
    {
        "ecg": ("ECG",),
        "errors": ("MelpError",),
        "hub": ("load",),
        "io": ("list_formats", "read"),
        "methods": ("list_methods",),
        "nn": ("list_encoders",),
        "tasks": ("list_tasks",),
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
