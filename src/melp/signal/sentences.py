"""ECG sentences: a recording as a sequence of beats, lead after lead (HeartLang's QRS tokeniser)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.errors import MelpError
from melp.signal.beats import cut_beats
from melp.signal.precision import at_least_single, full_precision
from melp.signal.r_peaks import find_r_peaks
from melp.signal.resampling import resample

BEAT_RATE = 100
"""Sampling rate of the beats in Hz."""
BEAT_SAMPLES = 96
"""Samples of a beat: 0.96 s."""


@dataclass(frozen=True)
class Sentences:
    """The beats of a batch of recordings: those of the first lead, then those of the second, and so on.

    Attributes:
        beats: signal at 100 Hz in the units of the ECG, minus the median of the lead; 0 outside the beat.
        lead: number of the lead, from 1; 0 in empty slots.
        second: number of the second of the R wave, from 1; 0 in empty slots.
        ends: end (exclusive, samples at 100 Hz) of each beat; that of the last beat in surplus columns.
        count: number of beats of each lead; the same for all leads.
    """

    beats: Float[Tensor, "batch slot sample"]
    lead: Int[Tensor, "batch slot"]
    second: Int[Tensor, "batch slot"]
    ends: Float[Tensor, "batch beat"]
    count: Int[Tensor, " batch"]

    @property
    def used(self) -> Bool[Tensor, "batch slot"]:
        """True for slots that contain a beat."""
        return self.lead > 0

    def beats_at(self, places: Float[Tensor, " place"]) -> Int[Tensor, "batch place"]:
        """Return the number of the beat, from 0, at each place (samples at 100 Hz) of the recordings."""
        beats = torch.searchsorted(self.ends, places.expand(len(self.ends), -1).contiguous(), right=True)
        return beats.minimum(self.count[:, None] - 1)


@full_precision
def make_sentences(ecg: Float[Tensor, "batch lead time"], rate: float, slots: int = 256) -> Sentences:
    """Cut recordings into beats.

    HeartLang (Jin et al. 2025): a beat extends halfway to the previous and halfway to the next R wave; its 96
    samples around the R wave are kept. All leads are cut at the same places.

    Args:
        ecg: preprocessed ECGs.
        rate: Hz of `ecg`.
        slots: number of beats of a sentence; empty slots come last.

    Raises:
        MelpError: there are more leads than slots.

    Differences: R waves are detected in all leads, not in lead I only; without any, there is one beat per
    second. If the beats exceed the slots, each lead keeps the same number of first beats (the published code
    truncates the sentence and loses the last leads). The median of each lead is subtracted.
    """
    leads = ecg.shape[1]
    if leads > slots:
        raise MelpError(f"sentences: {slots} slots found, wanted {leads} or more, one per lead")
    ecg = resample(at_least_single(ecg), rate, BEAT_RATE)
    peaks, count = _peaks_or_seconds(ecg)
    most = min(peaks.shape[1], slots // leads)
    peaks, ends = peaks[:, :most], _ends(peaks, count, ecg.shape[-1])[:, :most]
    count = count.clamp(max=most)
    beats = _cut(ecg - ecg.median(-1, keepdim=True).values, peaks, ends)
    slot = torch.arange(slots, device=ecg.device)
    # Slot s contains beat s % count of lead s // count.
    lead, beat = slot // count[:, None], slot % count[:, None]
    used = lead < leads
    row = torch.where(used, lead * most + beat, 0)[..., None]
    return Sentences(
        beats=torch.where(used[..., None], beats.flatten(1, 2).take_along_dim(row, 1), 0.0),
        lead=torch.where(used, lead + 1, 0),
        second=torch.where(used, peaks.gather(1, beat) // BEAT_RATE + 1, 0),
        ends=ends.contiguous(),
        count=count,
    )


def _peaks_or_seconds(
    ecg: Float[Tensor, "batch lead time"],
) -> tuple[Int[Tensor, "batch beat"], Int[Tensor, " batch"]]:
    """Return the R waves, or the middle of each second in recordings without any."""
    time = ecg.shape[-1]
    peaks, count = find_r_peaks(ecg, BEAT_RATE)
    middles = torch.arange(peaks.shape[1], device=ecg.device) * BEAT_RATE + min(BEAT_RATE, time) // 2
    none = count[:, None] == 0
    count = torch.where(none[:, 0], (middles < time).sum(), count)
    return torch.where(none, middles.clamp(max=time), peaks), count


def _ends(
    peaks: Int[Tensor, "batch beat"], count: Int[Tensor, " batch"], time: int
) -> Float[Tensor, "batch beat"]:
    """Return the end of each beat: halfway to the next one, or the end of the recording."""
    following = torch.cat([peaks[:, 1:], torch.full_like(peaks[:, :1], time)], dim=1)
    last = torch.arange(peaks.shape[1], device=peaks.device) >= count[:, None] - 1
    return torch.where(last, time, (peaks + following) / 2)


def _cut(
    ecg: Float[Tensor, "batch lead time"],
    peaks: Int[Tensor, "batch beat"],
    ends: Float[Tensor, "batch beat"],
) -> Float[Tensor, "batch lead beat sample"]:
    """Return the samples around each R wave, 0 outside the beat."""
    begins = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1)
    before = BEAT_SAMPLES // 2
    values, place = cut_beats(ecg, peaks, before, BEAT_SAMPLES - before)
    inside = (place >= begins[..., None]) & (place < ends[..., None])
    return torch.where(inside[:, None], values, 0.0)
