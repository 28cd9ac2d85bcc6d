"""The model folder: what a training writes and every other command reads."""

from melp.hub.folder import Model, find_device, load, save

__all__ = ["Model", "find_device", "load", "save"]
