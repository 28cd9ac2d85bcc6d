"""Recordings with fewer leads or with added noise.

An absent lead is 0 mV in the recording; the model's preprocessing then filters and scales it like any other.
No lead is computed from others: "I+II" has two leads, although the other limb leads would follow from them.
Noise is added in mV before the preprocessing, within the length of the recording, and is a function of the
record's id.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int16

from melp.augment.amplitude import add_jitter
from melp.augment.electrodes import add_to_electrodes, baseline_wander
from melp.augment.random import combine
from melp.data.store import Store
from melp.errors import MelpError, one_of
from melp.evaluation.embed import Change
from melp.leads import LEADS

__all__ = ["DISTURBANCES", "Disturbance", "disturb", "get_disturbances"]


@dataclass(frozen=True)
class Disturbance:
    """What is done to a recording.

    Attributes:
        leads: the leads that stay.
        noise: standard deviation of white noise in each lead, in mV.
        wander: largest amplitude of baseline wander at each electrode, in mV.
    """

    leads: tuple[str, ...] = LEADS
    noise: float = 0.0
    wander: float = 0.0


DISTURBANCES = {
    "12": Disturbance(),
    "limb": Disturbance(LEADS[:6]),
    "I+II": Disturbance(("I", "II")),
    "I": Disturbance(("I",)),
    "V5": Disturbance(("V5",)),
    "noise-0.05": Disturbance(noise=0.05),
    "noise-0.1": Disturbance(noise=0.1),
    "noise-0.2": Disturbance(noise=0.2),
    "wander-0.5": Disturbance(wander=0.5),
}
"""The disturbances by name; "12" is the recording as it is."""


def get_disturbances(names: list[str]) -> dict[str, Disturbance]:
    """Return disturbances by their names; all of them if `names` is empty.

    Raises:
        MelpError: an unknown name.
    """
    unknown = [name for name in names if name not in DISTURBANCES]
    if unknown:
        raise MelpError(f"conditions: found {unknown[0]!r}, wanted {one_of(unknown[0], DISTURBANCES)}")
    return {name: DISTURBANCES[name] for name in names or DISTURBANCES}


def disturb(store: Store, disturbance: Disturbance, seed: int = 0) -> Change:
    """Return the function that disturbs the signals of rows of a store."""

    def change(
        signals: Int16[np.ndarray, "record lead time"], rows: Int[np.ndarray, " record"]
    ) -> Float[np.ndarray, "record lead time"]:
        keys = record_keys(store.column("id")[rows], seed)
        return _disturbed(signals, keys, store.column("length")[rows], store.rate, disturbance)

    return change


def record_keys(ids: np.ndarray, seed: int) -> Int[torch.Tensor, " record"]:
    """Return the key of each record for random numbers: a function of its id and the seed."""
    hashes = (hashlib.sha256(str(name).encode()).digest()[:8] for name in ids)
    numbers = [int.from_bytes(digest, "little", signed=True) for digest in hashes]
    return combine(torch.tensor(numbers, dtype=torch.int64), seed)


def _disturbed(
    signals: Int16[np.ndarray, "record lead time"],
    keys: Int[torch.Tensor, " record"],
    lengths: Int[np.ndarray, " record"],
    rate: float,
    disturbance: Disturbance,
) -> Float[np.ndarray, "record lead time"]:
    clean = torch.from_numpy(signals).float() / 1000
    noisy = clean
    if disturbance.wander:
        noise = baseline_wander(keys, signals.shape[-1], rate, disturbance.wander)
        noisy = add_to_electrodes(noisy, noise)
    if disturbance.noise:
        noisy = add_jitter(noisy, keys, disturbance.noise)
    recorded = torch.arange(signals.shape[-1]) < torch.from_numpy(np.asarray(lengths))[:, None]
    kept = torch.tensor([lead in disturbance.leads for lead in LEADS])
    return torch.where(recorded[:, None], noisy, clean).mul_(kept[:, None]).numpy()
