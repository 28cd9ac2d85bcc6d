"""Augmentations of the amplitude of leads."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from melp.augment.random import normal
from melp.augment.streams import Stream
from melp.signal.precision import full_precision


@full_precision
def scale_amplitude(
    ecg: Float[Tensor, "batch lead time"],
    keys: Int[Tensor, " batch"],
    mean: float = 1.0,
    deviation: float = 0.1,
) -> Float[Tensor, "batch lead time"]:
    """Scaling: multiply all leads of a recording by one factor, the absolute value of a normal number.

    Eldele et al. (2021), TS-TCC's weak augmentation, with mean 2 and deviation 1.1. Under the scaling
    "minmax", where the baseline is not 0, the baseline is scaled as well.

    Differences: the published code draws a factor for each sample, which adds noise proportional to the
    signal; and its factors may be negative, which inverts the ECG.
    """
    factor = (mean + deviation * normal(keys, stream=Stream.SCALING)).abs()
    return ecg * factor[:, None, None].to(ecg.dtype)


@full_precision
def add_jitter(
    ecg: Float[Tensor, "batch lead time"], keys: Int[Tensor, " batch"], deviation: float = 0.05
) -> Float[Tensor, "batch lead time"]:
    """Jitter: add independent white noise to every lead, of the given standard deviation in units of `ecg`.

    Eldele et al. (2021), TS-TCC's strong augmentation, with 0.8 on standardised signals. Limb leads become
    inconsistent; the noise of `melp.augment.electrodes` keeps them consistent.
    """
    return ecg + (deviation * normal(keys, *ecg.shape[1:], stream=Stream.JITTER)).to(ecg.dtype)
