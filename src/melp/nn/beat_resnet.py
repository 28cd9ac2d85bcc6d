"""A ResNet that reads an ECG three times: the recording, the intervals of its beats, and its typical beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.resnet import BasicBlock, ResNet1d, ResNet1dConfig
from melp.signal.beats import beat_intervals, typical_beat
from melp.signal.r_peaks import find_r_peaks

_BEFORE, _AFTER = 0.36, 0.6  # s around the R wave: from the P wave to the end of the T wave
_INTERVALS, _INTERVAL_RATE = 3, 12.5  # signals of intervals, and their Hz


@dataclass(frozen=True)
class BeatResNetConfig(ResNet1dConfig):
    """Sizes of a `BeatResNet`; those of the ResNet of the recording, and the following."""

    rate: float = 100
    """Hz of the ECGs."""
    beat_widths: tuple[int, ...] = (32, 64, 96)
    """Channels of each block of the network of the typical beat; all blocks but the first have stride 2."""
    rhythm_widths: tuple[int, ...] = (32, 64)
    """Channels of each block of the network of the intervals; all have stride 2."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rate > 0:
            raise MelpError(f"beat resnet: rate {self.rate} Hz found, wanted a positive number")
        for name in ("beat_widths", "rhythm_widths"):
            if not getattr(self, name):
                raise MelpError(f"beat resnet: no {name} found, wanted one or more")


BEAT_RESNET_PRESETS: dict[str, BeatResNetConfig] = {
    "narrow": BeatResNetConfig(
        widths=(32, 48, 64, 96), blocks=(1, 1, 1, 1), strides=(2, 2, 2, 2), kernel=7, stem_kernel=15
    ),
    "base": BeatResNetConfig(rate=500, beat_widths=(64, 128, 256, 512), rhythm_widths=(64, 128)),
}
"""A narrow one for 100 Hz and two CPU cores; MERL's ResNet-18, with networks for beat and rhythm."""


def _blocks(
    before: int, widths: tuple[int, ...], first_stride: int, config: BeatResNetConfig
) -> nn.Sequential:
    blocks = []
    for number, width in enumerate(widths):
        stride = 2 if number else first_stride
        blocks.append(BasicBlock(before, width, config.kernel, stride, config.dropout))
        before = width
    return nn.Sequential(*blocks)


class BeatResNet(Encoder):
    """Reads the scales of an ECG apart: its recording, its rhythm and its beat.

    * A ResNet reads the recording.
    * A small one reads the intervals between R waves (`melp.signal.beats`), so that the rhythm need not be
      learnt from the distances of waves. Its output is added to the frames of the recording.
    * A third reads the median beat, which has less noise, and whose waves are always at the same places.

    `forward` returns the frames of the recording and rhythm plus the mean of those of the beat. `memory`
    returns both one after another, for queries that choose among them.
    """

    needs = "beats; without any, the recording alone is read"
    config: BeatResNetConfig

    def __init__(self, config: BeatResNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BeatResNetConfig()
        sizes = {name: getattr(config, name) for name in ResNet1dConfig.__dataclass_fields__}
        self.recording = ResNet1d(ResNet1dConfig(**sizes))
        self.dim = self.recording.dim
        self.rhythm = _blocks(_INTERVALS, config.rhythm_widths, 2, config)
        self.rhythm_projection = nn.Linear(config.rhythm_widths[-1], self.dim)
        self.beat = _blocks(config.leads, config.beat_widths, 1, config)
        self.beat_projection = nn.Linear(config.beat_widths[-1], self.dim)

    @property
    def _reach(self) -> tuple[int, int]:
        """Samples of the beat before its R wave, and from it on."""
        return round(_BEFORE * self.config.rate), round(_AFTER * self.config.rate)

    def prepare(self, ecg: Float[Tensor, "batch lead time"]) -> tuple[Tensor, ...]:
        """Return ECGs, the intervals of their beats at a low rate, and their typical beats."""
        rate, time = self.config.rate, ecg.shape[-1]
        peaks, count = find_r_peaks(ecg, rate)
        beat = typical_beat(ecg, peaks, *self._reach).to(ecg.dtype)
        intervals = beat_intervals(peaks, count, time, rate).to(ecg.dtype)
        size = min(max(round(rate / _INTERVAL_RATE), 1), time)
        return ecg, F.avg_pool1d(intervals, size, size, ceil_mode=True), beat

    def read(self, *prepared: Tensor) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs for the beat and the rhythm, then of each stage of the recording with rhythm."""
        ecg, intervals, typical = prepared
        beat, rhythm = self.beat(typical), self.rhythm(intervals)
        *stages, frames = self.recording.stages(ecg)
        rhythm_frames = self.rhythm_projection(rhythm.transpose(1, 2)).transpose(1, 2)
        frames = frames + F.adaptive_avg_pool1d(rhythm_frames, frames.shape[-1])
        return [beat, rhythm, *stages, frames]

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs of all stages; see `read`."""
        return self.read(*self.prepare(ecg))

    def memory(
        self, stages: Sequence[Float[Tensor, "batch channel place"]]
    ) -> Float[Tensor, "batch place dim"]:
        """Return the frames of the recording, followed by those of the beat."""
        beat = self.beat_projection(stages[0].transpose(1, 2))
        return torch.cat([stages[-1].transpose(1, 2), beat], dim=1)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return the frames of the recording plus the mean frame of the beat."""
        beat, *_, frames = self.stages(ecg)
        return frames.transpose(1, 2) + self.beat_projection(beat.mean(-1))[:, None]

    def over_frames(
        self, ecg: Float[Tensor, "batch lead time"], weights: Float[Tensor, "batch place query"]
    ) -> Float[Tensor, "batch frame query"]:
        """Return weights over the memory as weights over frames.

        A weight of the typical beat is divided evenly among the beats of the ECG, each at the same distance
        from its R wave; without beats, among all frames.
        """
        before, after = self._reach
        stride = 2 ** (len(self.config.beat_widths) - 1)
        offsets = torch.arange(0, before + after, stride, device=ecg.device) - before
        frames, of_beat = weights[:, : -len(offsets)], weights[:, -len(offsets) :]
        time, count = ecg.shape[-1], frames.shape[1]
        peaks = find_r_peaks(ecg, self.config.rate)[0][..., None]
        sample = peaks + offsets
        inside = (peaks < time) & (sample >= 0) & (sample < time)
        frame = (sample * count // time).clamp(0, count - 1)
        places = (
            F.one_hot(frame, count) * inside[..., None] / inside.sum(1, keepdim=True).clamp(min=1)[..., None]
        )
        share = places.sum(1).to(weights.dtype)
        share = torch.where(share.sum(-1, keepdim=True) > 0, share, 1 / count)
        return frames + share.transpose(1, 2) @ of_beat
