"""Folds of corpora that are published without: 1 to 8 for training, 9 for validation, 10 for tests."""

from __future__ import annotations

from hashlib import blake2b

from melp.tasks.folds import FOLDS, TEST_FOLD, TRAIN_FOLDS, VALIDATION_FOLD

_HELD_OUT = 0.02
_SPAN = 2**64


def hashed_fold(key: str) -> int:
    """A fold of 1 to 10, each equally likely, that depends on `key` alone.

    Args:
        key: the patient; the record where patients are unknown.
    """
    return 1 + _draw(key) * FOLDS // _SPAN


def held_out_fold(key: str) -> int:
    """A fold for a large corpus: 10 for 2 % of the patients, 9 for 2 % of the others, 1 to 8 for the rest.

    The published split of MIMIC-IV-ECG is 98/2 by patient, training and validation; fold 10 is out of both.

    Args:
        key: the patient.
    """
    place = _draw(key) / _SPAN
    if place < _HELD_OUT:
        return TEST_FOLD
    if place < _HELD_OUT + (1 - _HELD_OUT) * _HELD_OUT:
        return VALIDATION_FOLD
    return 1 + _draw(key) % len(TRAIN_FOLDS)


def _draw(key: str) -> int:
    """A number below 2**64, the same on every machine."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")
