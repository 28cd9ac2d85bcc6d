"""Random numbers that are a function of a key, so that a record's augmentation does not hang on others.

A generator has a state that the order of its calls changes; a hash has none. A step's randomness can then be
had again from (seed, step, record) alone, on any device, which makes resuming exact.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Constants of splitmix64 (Steele, Lea and Flood 2014), as signed 64-bit integers.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def _shift_right(x: Int[Tensor, "*shape"], bits: int) -> Int[Tensor, "*shape"]:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Scramble 64-bit integers: splitmix64's output function."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def combine(*keys: Int[Tensor, "*shape"] | int) -> Int[Tensor, "*shape"]:
    """One 64-bit key from several, in their order."""
    state: Tensor = torch.zeros((), dtype=torch.int64)
    for key in keys:
        key = torch.as_tensor(key, dtype=torch.int64)
        state = mix(state.to(key.device) * _GOLDEN + key + _GOLDEN)
    return state


def uniform(keys: Int[Tensor, " record"], *shape: int, stream: int = 0) -> Float[Tensor, "record *shape"]:
    """Numbers in [0, 1), independent between keys, places and streams.

    Args:
        keys: one a record.
        shape: of each record's numbers.
        stream: set apart draws that serve different ends.
    """
    place = torch.arange(math.prod(shape), device=keys.device)
    bits = mix(combine(keys, stream)[:, None] + (place + 1) * _GOLDEN)
    return (_shift_right(bits, 40).float() / (1 << 24)).view(len(keys), *shape)
