"""Encoders and their parts."""

from __future__ import annotations

from melp.nn.base import Encoder
from melp.nn.encoders import ENCODERS, build_encoder, list_encoders

__all__ = ["ENCODERS", "Encoder", "build_encoder", "list_encoders"]
