"""Random numbers as a function of a key, so that a record's augmentation does not depend on other records.

Unlike a generator, a hash has no state that depends on the order of calls. The random numbers of a step can
be recomputed from (seed, step, record) on any device, which makes resuming exact.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.streams import Stream

# Constants of splitmix64 (Steele, Lea and Flood 2014), as signed 64-bit integers.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def _shift_right(x: Int[Tensor, "*shape"], bits: int) -> Int[Tensor, "*shape"]:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Hash 64-bit integers with the output function of splitmix64."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def combine(*keys: Int[Tensor, "*shape"] | int) -> Int[Tensor, "*shape"]:
    """Combine several keys to one of 64 bits; their order matters."""
    state: Tensor = torch.zeros((), dtype=torch.int64)
    for key in keys:
        # A number has no device; the state must stay on that of the tensors.
        if isinstance(key, Tensor):
            state = state.to(key.device)
        state = mix(state * _GOLDEN + key + _GOLDEN)
    return state


def uniform(keys: Int[Tensor, " record"], *shape: int, stream: Stream) -> Float[Tensor, "record *shape"]:
    """Draw numbers in [0, 1), independent between keys, positions and streams.

    Args:
        keys: one key per record.
        shape: shape of the numbers of one record.
        stream: name that separates draws for different purposes.
    """
    place = torch.arange(math.prod(shape), device=keys.device)
    bits = mix(combine(keys, stream.number)[:, None] + (place + 1) * _GOLDEN)
    return (_shift_right(bits, 40).float() / (1 << 24)).view(len(keys), *shape)


def normal(keys: Int[Tensor, " record"], *shape: int, stream: Stream) -> Float[Tensor, "record *shape"]:
    """Draw standard normal numbers, with the arguments of `uniform` (Box and Muller 1958).

    Each pair is computed from the upper 48 bits of one hash; absolute values are below 5.8.
    """
    count = math.prod(shape)
    place = torch.arange((count + 1) // 2, device=keys.device)
    bits = mix(combine(keys, stream.number)[:, None] + (place + 1) * _GOLDEN)
    first, second = ((_shift_right(bits, low) & 0xFFFFFF).float() / (1 << 24) for low in (40, 16))
    radius, angle = (-2 * torch.log1p(-first)).sqrt(), 2 * math.pi * second
    pairs = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return pairs[:, :count].reshape(len(keys), *shape)
