"""Augmentations of batches of ECGs, on the device, whose randomness is keyed by record."""

from __future__ import annotations

from melp.augment.views import AUGMENTATIONS, Augmentation, make_view

__all__ = ["AUGMENTATIONS", "Augmentation", "make_view"]
