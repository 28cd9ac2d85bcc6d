"""The model folder: what a training writes and every other command reads."""

from melp.hub.folder import find_device, load, save
from melp.hub.model import Model

__all__ = ["Model", "find_device", "load", "save"]
