"""Assign folds to the patients of corpora that are published without folds."""

from __future__ import annotations

from hashlib import blake2b

from melp.tasks.folds import FOLDS, TEST_FOLD, TRAIN_FOLDS, VALIDATION_FOLD

_HELD_OUT = 0.01
_SPAN = 2**64


def hashed_fold(key: str) -> int:
    """Return a fold from 1 to 10, all equally likely, that depends only on `key`.

    Args:
        key: the patient, or the record if patients are unknown.
    """
    return 1 + _draw(key) * FOLDS // _SPAN


def held_out_fold(key: str) -> int:
    """Return a fold for a large corpus: 9 and 10 for 1 % of the patients each, else 1 to 8.

    MELP trains on 98 % of the patients of MIMIC-IV-ECG and selects the weights on the other 2 %; here half of
    these are kept for tests.

    Args:
        key: the patient.
    """
    position = _draw(key) / _SPAN
    if position < _HELD_OUT:
        return TEST_FOLD
    if position < 2 * _HELD_OUT:
        return VALIDATION_FOLD
    return 1 + _draw(key) % len(TRAIN_FOLDS)


def _draw(key: str) -> int:
    """Return a hash of `key` below 2**64 that is the same on every machine."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")
