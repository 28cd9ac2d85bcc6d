"""The model folder: what a training writes and every other command reads."""

from melp.hub.folder import Model, load, save

__all__ = ["Model", "load", "save"]
