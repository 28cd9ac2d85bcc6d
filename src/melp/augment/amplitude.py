"""Augmentations of the amplitude of the leads themselves."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.random import normal


def scale_amplitude(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    mean: float = 1.0,
    deviation: float = 0.1,
) -> Float[Tensor, "batch lead time"]:
    """Scaling: all leads of a recording times one factor, the size of a normal number.

    Eldele et al. (2021), TS-TCC's weak augmentation, with mean 2 and deviation 1.1. What is 0 stays 0: under
    the scaling "minmax", where the baseline is not 0, the baseline moves as well.

    Differences: the published code draws a factor for each sample of the time, which is noise in proportion
    to the signal; a factor is never negative here, which would turn the ECG upside down.
    """
    factor = (mean + deviation * normal(keys)).abs()
    return ecg * factor[:, None, None].to(ecg.dtype)


def add_jitter(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], deviation: float = 0.05
) -> Float[Tensor, "batch lead time"]:
    """Jitter: white noise on every lead by itself, of the given deviation in units of `ecg`.

    Eldele et al. (2021), TS-TCC's strong augmentation, with 0.8 on its standardised signals. Limb leads
    contradict one another after it; `melp.augment.electrodes` has noise that leaves them consistent.
    """
    return ecg + (deviation * normal(keys, *ecg.shape[1:])).to(ecg.dtype)
