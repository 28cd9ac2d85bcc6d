"""Augmentations of batches of ECGs, on the device, whose randomness is keyed by record."""
