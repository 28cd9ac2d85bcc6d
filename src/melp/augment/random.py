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
        # A number has no device, and must not bring the tensors before it back to the CPU.
        if isinstance(key, Tensor):
            state = state.to(key.device)
        state = mix(state * _GOLDEN + key + _GOLDEN)
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


def normal(keys: Int[Tensor, " record"], *shape: int, stream: int = 0) -> Float[Tensor, "record *shape"]:
    """Standard normal numbers, independent as those of `uniform` (Box and Muller 1958).

    Each pair comes from the 48 upper bits of one hash; none is further from 0 than 5.8.
    """
    count = math.prod(shape)
    place = torch.arange((count + 1) // 2, device=keys.device)
    bits = mix(combine(keys, stream)[:, None] + (place + 1) * _GOLDEN)
    first, second = ((_shift_right(bits, low) & 0xFFFFFF).float() / (1 << 24) for low in (40, 16))
    radius, angle = (-2 * torch.log1p(-first)).sqrt(), 2 * math.pi * second
    pairs = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return pairs[:, :count].reshape(len(keys), *shape)
