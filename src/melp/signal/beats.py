"""The typical beat of an ECG, and the intervals between its beats."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from melp.signal.precision import full_precision

_TYPICAL_INTERVAL = 0.8  # s; 75 beats per minute


def cut_beats(
    ecg: Float[Tensor, "batch lead time"], peaks: Int[Tensor, "batch beat"], before: int, after: int
) -> tuple[Float[Tensor, "batch lead beat sample"], Int[Tensor, "batch beat sample"]]:
    """Return the samples around each R wave, and their places, which may lie outside the recording.

    Outside, a sample is that of the nearest end.

    Args:
        before, after: samples before an R wave, and from it on.
    """
    place = peaks[..., None] + torch.arange(-before, after, device=ecg.device)
    rows = place.clamp(0, ecg.shape[-1] - 1).flatten(1)[:, None]
    return ecg.take_along_dim(rows, 2).unflatten(2, place.shape[1:]), place


@full_precision
def typical_beat(
    ecg: Float[Tensor, "batch lead time"],
    peaks: Int[Tensor, "batch beat"],
    before: int,
    after: int,
) -> Float[Tensor, "batch lead sample"]:
    """Return the median of the beats of each ECG, sample by sample: noise and rare beats do not affect it.

    Args:
        ecg: in any unit; the median of each lead is its baseline, which becomes 0.
        peaks: samples of the R waves, as `find_r_peaks` returns them.
        before, after: samples of a beat before its R wave, and from it on. Samples that no beat has are 0.
    """
    time = ecg.shape[-1]
    ecg = ecg - ecg.median(-1, keepdim=True).values
    beats, place = cut_beats(ecg, peaks, before, after)
    outside = (peaks >= time)[..., None] | (place < 0) | (place >= time)
    return beats.masked_fill(outside[:, None], torch.nan).nanmedian(2).values.nan_to_num(0.0)


@full_precision
def beat_intervals(
    peaks: Int[Tensor, "batch beat"], count: Int[Tensor, " batch"], time: int, rate: float
) -> Float[Tensor, "batch 3 time"]:
    """Return the intervals between R waves as signals of `time` samples at `rate` Hz.

    At each sample they are those of the nearest beat, in seconds: the mean interval of the ECG minus 0.8; the
    interval before the beat minus the mean; the interval after the beat minus that before it. Where there is
    no such beat, an interval is that on the other side. With fewer than two beats, all are 0.

    Args:
        peaks, count: as `find_r_peaks` returns them.
    """
    intervals = peaks.diff() / rate
    used = torch.arange(intervals.shape[1], device=peaks.device) < count[:, None] - 1
    mean = (intervals * used).sum(1, keepdim=True) / used.sum(1, keepdim=True).clamp(min=1)
    # The nearest beat of each sample, by the middles between beats.
    middles = (peaks[:, :-1] + peaks[:, 1:]) / 2
    middles = middles.masked_fill(~used, torch.inf).contiguous()
    sample = torch.arange(time, device=peaks.device, dtype=middles.dtype).expand(len(peaks), -1)
    beat = torch.searchsorted(middles, sample.contiguous(), right=True)
    last = (count[:, None] - 2).clamp(min=0)
    ahead = intervals.gather(1, beat.minimum(last))
    behind = intervals.gather(1, (beat - 1).clamp(min=0).minimum(last))
    series = torch.stack([(mean - _TYPICAL_INTERVAL).expand_as(ahead), behind - mean, ahead - behind], dim=1)
    return torch.where((count > 1)[:, None, None], series, 0.0)
