"""ECG sentences: a recording as the sequence of its beats, lead after lead (HeartLang's QRS tokeniser)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from melp.errors import MelpError
from melp.signal.precision import at_least_single
from melp.signal.r_peaks import find_r_peaks
from melp.signal.resampling import resample

BEAT_RATE = 100
"""Hz of the beats."""
BEAT_SAMPLES = 96
"""Samples of a beat: 0.96 s."""


@dataclass(frozen=True)
class Sentences:
    """The beats of a batch of recordings: all of the first lead, then all of the second, and so on.

    Attributes:
        beats: in the units of the ECG, each lead's median as 0, at 100 Hz; 0 outside the beat.
        lead: number of the lead, from 1; 0 where the slot is empty.
        second: number of the second in which the R wave is, from 1; 0 where the slot is empty.
        ends: samples at 100 Hz before which each beat ends; that of the last where there are no more beats.
        count: beats of each lead, which are as many in all leads.
    """

    beats: Float[Tensor, "batch slot sample"]
    lead: Int[Tensor, "batch slot"]
    second: Int[Tensor, "batch slot"]
    ends: Float[Tensor, "batch beat"]
    count: Int[Tensor, " batch"]

    @property
    def used(self) -> Bool[Tensor, "batch slot"]:
        """Which slots hold a beat."""
        return self.lead > 0

    def beats_at(self, places: Float[Tensor, " place"]) -> Int[Tensor, "batch place"]:
        """Which beat each place (samples at 100 Hz) of a recording belongs to, from 0."""
        found = torch.searchsorted(self.ends, places.expand(len(self.ends), -1).contiguous(), right=True)
        return found.minimum(self.count[:, None] - 1)


def make_sentences(ecg: Float[Tensor, "batch lead time"], rate: float, slots: int = 256) -> Sentences:
    """Cut recordings into beats.

    HeartLang (Jin et al. 2025): a beat reaches from half the way to the R wave before to half the way to the
    next; of it the 96 samples around its R wave are kept. All leads are cut at the same places.

    Args:
        ecg: preprocessed ECGs.
        rate: their Hz.
        slots: beats of a sentence; empty ones come last.

    Raises:
        MelpError: there are more leads than slots.

    Differences: R waves are looked for in all leads, not in lead I alone; where none is found, there is a
    beat each second. Where the beats of all leads are more than the slots, every lead has as many of its
    first beats as fit (the published code cuts the sentence off, and with it the last leads). The median of
    each lead is its 0.
    """
    leads = ecg.shape[1]
    if leads > slots:
        raise MelpError(f"sentences: {slots} slots found, wanted {leads} or more, one a lead")
    ecg = resample(at_least_single(ecg), rate, BEAT_RATE)
    time = ecg.shape[-1]
    peaks, count = _peaks_or_seconds(ecg)
    most = min(peaks.shape[1], slots // leads)
    peaks, ends = peaks[:, :most], _ends(peaks, count, time)[:, :most]
    count = count.clamp(max=most)
    cut = _cut(ecg - ecg.median(-1, keepdim=True).values, peaks, ends)
    slot = torch.arange(slots, device=ecg.device)
    # Slot s holds beat s % count of lead s // count.
    lead, beat = slot // count[:, None], slot % count[:, None]
    used = lead < leads
    rows = torch.where(used, lead * most + beat, 0)[..., None].expand(-1, -1, BEAT_SAMPLES)
    second = peaks.gather(1, beat) // BEAT_RATE + 1
    return Sentences(
        beats=torch.where(used[..., None], cut.flatten(1, 2).gather(1, rows), 0.0),
        lead=torch.where(used, lead + 1, 0),
        second=torch.where(used, second, 0),
        ends=ends.contiguous(),
        count=count,
    )


def _peaks_or_seconds(
    ecg: Float[Tensor, "batch lead time"],
) -> tuple[Int[Tensor, "batch beat"], Int[Tensor, " batch"]]:
    """R waves, or where there are none the middle of each second."""
    time = ecg.shape[-1]
    peaks, count = find_r_peaks(ecg, BEAT_RATE)
    middles = torch.arange(peaks.shape[1], device=ecg.device) * BEAT_RATE + min(BEAT_RATE, time) // 2
    none = count[:, None] == 0
    count = torch.where(none[:, 0], (middles < time).sum(), count)
    return torch.where(none, middles.clamp(max=time), peaks), count


def _ends(
    peaks: Int[Tensor, "batch beat"], count: Int[Tensor, " batch"], time: int
) -> Float[Tensor, "batch beat"]:
    """Where each beat ends: half the way to the next, the last one with the recording."""
    following = torch.cat([peaks[:, 1:], torch.full_like(peaks[:, :1], time)], dim=1)
    last = torch.arange(peaks.shape[1], device=peaks.device) >= count[:, None] - 1
    return torch.where(last, time, (peaks + following) / 2)


def _cut(
    ecg: Float[Tensor, "batch lead time"],
    peaks: Int[Tensor, "batch beat"],
    ends: Float[Tensor, "batch beat"],
) -> Float[Tensor, "batch lead beat sample"]:
    """The samples around each R wave, 0 beyond the ends of the beat."""
    begins = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1)
    place = peaks[..., None] + torch.arange(BEAT_SAMPLES, device=ecg.device) - BEAT_SAMPLES // 2
    inside = (place >= begins[..., None]) & (place < ends[..., None])
    rows = place.clamp(0, ecg.shape[-1] - 1).flatten(1)[:, None].expand(-1, ecg.shape[1], -1)
    values = ecg.gather(2, rows).unflatten(2, place.shape[1:])
    return torch.where(inside[:, None], values, 0.0)
