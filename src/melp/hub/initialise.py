"""Initialise a method with the encoder of another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import WEIGHTS, read_config, read_weights, shorten
from melp.methods._base import Method
from melp.methods._ema import MovingAverage
from melp.signal.preprocessing import Preprocessing

_PREFIX = "encoder."


def initialise_encoder(method: Method, folder: Path, preprocessing: Preprocessing) -> str:
    """Load the encoder of another run, of any method, into the encoder of a method.

    Tensors with the same name and shape are loaded; the others stay as they are. Moving averages of the
    encoder (`MovingAverage`) are reset to it.

    Args:
        method: the method, changed in place.
        folder: folder of the other run.
        preprocessing: preprocessing of the method's ECGs.

    Returns:
        One line: which tensors were loaded, which were not, and how the run's preprocessing differs.

    Raises:
        MelpError: the folder is not a model folder, or no weight matrix fits.
    """
    config = read_config(folder)
    source = config["name"]
    state = read_weights(folder / WEIGHTS)
    theirs = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    mine = method.encoder.state_dict()
    fitting = {name: value for name, value in theirs.items() if _shape(mine, name) == value.shape}
    rest = shorten([_difference(name, theirs, mine) for name in sorted(mine | theirs) if name not in fitting])
    if not any(value.ndim > 1 for value in fitting.values()):
        raise MelpError(
            f"method.init_from: {folder} found, a {source} run whose encoder does not fit, wanted one like "
            f"this run's {type(method.encoder).__name__} ({rest})"
        )
    method.encoder.load_state_dict({**mine, **fitting})
    for module in method.modules():
        if isinstance(module, MovingAverage):
            module.reset()
    summary = f"{folder}: {len(fitting)} of {len(mine)} tensors of the encoder loaded from a {source} run"
    summary += f"; not loaded: {rest}" if rest else ""
    changes = _changes(Preprocessing.from_dict(config["preprocessing"]), preprocessing)
    return summary + (f"; its preprocessing differs: {changes}" if changes else "")


def _changes(theirs: Preprocessing, mine: Preprocessing) -> str:
    """Return the fields in which two ways of preprocessing differ."""
    values = [(field.name, getattr(theirs, field.name), getattr(mine, field.name)) for field in fields(mine)]
    return ", ".join(
        f"{name} {_text(their_value)} (here {_text(my_value)})"
        for name, their_value, my_value in values
        if their_value != my_value
    )


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def _difference(name: str, theirs: Mapping[str, Tensor], mine: Mapping[str, Tensor]) -> str:
    found, wanted = _shape(theirs, name), _shape(mine, name)
    if wanted is None:
        return f"{name} (only in the run)"
    return f"{name} {wanted} ({'not' if found is None else found} in the run)"
