"""Augmentations of batches of ECGs on any device, with random numbers keyed by record."""

from __future__ import annotations

from melp.augment.views import AUGMENTATIONS, Augmentation, make_view

__all__ = ["AUGMENTATIONS", "Augmentation", "make_view"]
