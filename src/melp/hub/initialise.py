"""Beginning a method with the encoder of another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from melp.errors import MelpError
from melp.hub.folder import WEIGHTS, read_config, read_weights
from melp.methods._base import Method
from melp.methods._ema import MovingAverage
from melp.signal.preprocessing import Preprocessing

_PREFIX = "encoder."
_SHOWN = 6


def initialise_encoder(method: Method, folder: Path, preprocessing: Preprocessing) -> str:
    """Give a method's encoder what fits of another run's, whatever method that was.

    A tensor fits that has the name and shape of one of the encoder's; the others stay as they are. Networks
    that follow the encoder (`MovingAverage`) begin anew from it.

    Args:
        method: changed in place.
        folder: of a run.
        preprocessing: of the ECGs that the method will see.

    Returns:
        A line that says what was loaded and what was not, and how the run's ECGs were preprocessed otherwise.

    Raises:
        MelpError: the folder is no run's, or no weight matrix fits.
    """
    config = read_config(folder)
    source = config["name"]
    state = read_weights(folder / WEIGHTS)
    theirs = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    mine = method.encoder.state_dict()
    fitting = {name: value for name, value in theirs.items() if _shape(mine, name) == value.shape}
    rest = _listed([_difference(name, theirs, mine) for name in sorted(mine | theirs) if name not in fitting])
    if not any(value.ndim > 1 for value in fitting.values()):
        raise MelpError(
            f"method.init_from: {folder} found, a {source} run whose encoder does not fit, wanted one like "
            f"this run's {type(method.encoder).__name__} ({rest})"
        )
    method.encoder.load_state_dict({**mine, **fitting})
    for module in method.modules():
        if isinstance(module, MovingAverage):
            module.restart()
    said = f"{folder}: {len(fitting)} of {len(mine)} tensors of the encoder loaded from a {source} run"
    otherwise = _otherwise(Preprocessing.from_dict(config["preprocessing"]), preprocessing)
    said += f"; not loaded: {rest}" if rest else ""
    return said + (f"; its ECGs were preprocessed otherwise: {otherwise}" if otherwise else "")


def _otherwise(theirs: Preprocessing, mine: Preprocessing) -> str:
    """In what two ways of preprocessing differ."""
    pairs = [(field.name, getattr(theirs, field.name), getattr(mine, field.name)) for field in fields(mine)]
    return ", ".join(
        f"{name} {_shown(one)} (here {_shown(other)})" for name, one, other in pairs if one != other
    )


def _shown(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def _difference(name: str, theirs: Mapping[str, Tensor], mine: Mapping[str, Tensor]) -> str:
    found, wanted = _shape(theirs, name), _shape(mine, name)
    if wanted is None:
        return f"{name} (only in the run)"
    return f"{name} {wanted} ({'not' if found is None else found} in the run)"


def _listed(lines: Sequence[str]) -> str:
    more = len(lines) - _SHOWN
    return ", ".join(lines[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
