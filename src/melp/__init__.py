"""ECG-language pretraining on three scales: tokens, beats and rhythm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from melp._lazy import lazy_getattr

if TYPE_CHECKING:
    from melp.corpora import list_corpora
    from melp.data.store import Store
    from melp.ecg import ECG
    from melp.errors import MelpError
    from melp.hub import Model, load
    from melp.io import list_formats, read
    from melp.methods import list_methods
    from melp.nn import list_encoders
    from melp.recipes import list_recipes
    from melp.tasks import list_tasks

__version__ = "0.1.0"
__all__ = [
    "ECG", "MelpError", "Model", "Store", "__version__", "list_corpora", "list_encoders", "list_formats",
    "list_methods", "list_recipes", "list_tasks", "load", "read",
]  # fmt: skip

__getattr__ = lazy_getattr(
    __name__,
    {
        "corpora": ("list_corpora",),
        "data.store": ("Store",),
        "ecg": ("ECG",),
        "errors": ("MelpError",),
        "hub": ("Model", "load"),
        "io": ("list_formats", "read"),
        "methods": ("list_methods",),
        "nn": ("list_encoders",),
        "recipes": ("list_recipes",),
        "tasks": ("list_tasks",),
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
