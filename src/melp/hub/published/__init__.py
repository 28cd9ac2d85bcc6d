"""Published checkpoints of MELP and MERL as model folders of melp."""

from melp.hub.published.convert import Conversion, convert_checkpoint

__all__ = ["Conversion", "convert_checkpoint"]
