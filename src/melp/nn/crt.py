"""The cross-reconstruction transformer: patches of signal, spectrum magnitude and phase in one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.resnet import ResNet1d, ResNet1dConfig
from melp.nn.transformer import Transformer, TransformerBlock
from melp.signal.precision import at_least_single, full_precision

MODALITIES = ("time", "magnitude", "phase")
# As a share of the largest magnitude; the phase of weaker bins is rounding error.
_SILENT = 1e-5


@dataclass(frozen=True)
class CRTConfig:
    """Sizes of a `CrossReconstructionTransformer`; the defaults are the published ones, for 500 Hz."""

    leads: int = 12
    """Input leads."""
    samples: int = 5000
    """Longest recording; the learned positions cover it."""
    patch: int = 20
    """Samples, or bins of the spectrum, of a patch."""
    dim: int = 128
    """Width."""
    layers: int = 6
    """Transformer layers."""
    heads: int = 8
    """Attention heads."""
    feedforward: int = 512
    """Hidden width of a layer (not published)."""
    extractor: tuple[int, ...] = (32, 64)
    """Channels of the first stages of the ResNets that embed patches; the last stage has `dim` (not
    published)."""
    dropout: float = 0.1
    """Dropout after attention and in the feed-forward parts."""


CRT_PRESETS: dict[str, CRTConfig] = {
    "narrow": CRTConfig(samples=1000, dim=96, layers=3, heads=4, feedforward=192, extractor=(32,)),
    "base": CRTConfig(),
}
"""The published size, and a narrow one for two CPU cores with patches of 0.2 s at 100 Hz."""


@full_precision
def spectrum(
    ecg: Float[Tensor, "batch lead time"],
) -> tuple[Float[Tensor, "batch lead bin"], Float[Tensor, "batch lead bin"]]:
    """Return magnitude and phase of the first half of the bins, from 0 Hz on.

    Args:
        ecg: recordings; if their number of samples is odd, the last is left out.

    Returns:
        Magnitudes of the unitary transform, in the units of the ECG; their mean square is that of the ECG.
        Phases in units of pi, from -1 to 1; 0 for bins with almost no power.
    """
    time = ecg.shape[-1] // 2 * 2
    bins = torch.fft.rfft(at_least_single(ecg[..., :time]), norm="ortho")[..., : time // 2]
    magnitude = bins.abs()
    # Adding 0 turns -0 into 0, so that the phase is pi and not -pi.
    phase = torch.atan2(bins.imag + 0.0, bins.real) / torch.pi
    audible = magnitude > _SILENT * magnitude.amax((1, 2), keepdim=True)
    return magnitude, torch.where(audible, phase, 0.0)


class PlaceEmbeddings(nn.Module):
    """Learned embeddings of places and modalities; magnitude and phase share the places of the spectrum.

    Args:
        times: number of patches of the signal.
        frequencies: number of patches of the spectrum.
        dim: width.
    """

    def __init__(self, times: int, frequencies: int, dim: int) -> None:
        super().__init__()
        self.times = nn.Parameter(0.02 * torch.randn(times, dim))
        self.frequencies = nn.Parameter(0.02 * torch.randn(frequencies, dim))
        self.modalities = nn.Parameter(0.02 * torch.randn(len(MODALITIES), dim))

    def forward(self, counts: Sequence[int]) -> list[Float[Tensor, "_ dim"]]:
        """Return the embeddings of the first `counts` patches of each modality."""
        tables = (self.times, self.frequencies, self.frequencies)
        return [
            table[:count] + modality
            for table, count, modality in zip(tables, counts, self.modalities, strict=True)
        ]


class CrossReconstructionTransformer(Encoder):
    """Patches of signal, magnitude and phase, a small ResNet for each modality, a pre-norm transformer (CRT).

    Zhang et al. (2023). A patch is 20 samples (or bins) of all leads. Its token is the mean output of the
    ResNet of its modality plus embeddings of place and modality. Each modality has a class token. For
    pretraining: `patchify`, and `encode`, which accepts a subset of the patches.

    Frames are the tokens of the signal. The vector of a recording is the mean of the three class tokens.

    Differences: samples and bins that do not fill a patch are left out. Recordings may be shorter than
    `samples`; their bins are wider. The published sizes of ResNets and hidden layers are unknown.
    """

    needs: ClassVar[str] = "at most as many samples as its size `samples`"

    def __init__(self, config: CRTConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CRTConfig()
        self.dim = config.dim
        widths = (*config.extractor, config.dim)
        sizes = ResNet1dConfig(
            leads=config.leads,
            widths=widths,
            blocks=(1,) * len(widths),
            strides=(1, *(2,) * (len(widths) - 1)),
            stem_stride=1,
        )
        self.extractors = nn.ModuleList(ResNet1d(sizes) for _ in MODALITIES)
        self.places = self.new_places()
        self.class_tokens = nn.Parameter(0.02 * torch.randn(len(MODALITIES), config.dim))
        self.layers = Transformer(
            TransformerBlock(config.dim, config.heads, config.feedforward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def new_places(self) -> PlaceEmbeddings:
        """Return new embeddings for all places of the encoder."""
        samples, patch = self.config.samples, self.config.patch
        return PlaceEmbeddings(samples // patch, samples // 2 // patch, self.dim)

    def patchify(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch _ lead sample"]]:
        """Return the patches of each of `MODALITIES`.

        Raises:
            MelpError: the recordings are shorter than two patches or longer than `samples`.
        """
        size, time = self.config.patch, ecg.shape[-1]
        if not 2 * size <= time <= self.config.samples:
            raise MelpError(
                f"crt: recordings of {time} samples found, wanted {2 * size} to {self.config.samples} "
                "(option samples)"
            )
        return [
            values[..., : values.shape[-1] // size * size].unflatten(-1, (-1, size)).transpose(1, 2)
            for values in (ecg, *spectrum(ecg))
        ]

    def encode(
        self,
        patches: Sequence[Float[Tensor, "batch _ lead sample"]],
        kept: Sequence[Int[Tensor, "batch _"]] | None = None,
    ) -> tuple[Float[Tensor, "batch token dim"], Float[Tensor, "batch token dim"]]:
        """Return the tokens before and after the transformer: three class tokens, then each modality's.

        Args:
            patches: as from `patchify`.
            kept: for each modality, the numbers of the patches to encode; all if None.
        """
        places = self.places([part.shape[1] for part in patches])
        tokens = [self.class_tokens.expand(len(patches[0]), -1, -1)]
        for number, part in enumerate(patches):
            place = places[number].expand(len(part), -1, -1)
            if kept is not None:
                part = part.take_along_dim(kept[number][..., None, None], 1)
                place = place.take_along_dim(kept[number][..., None], 1)
            features = self.extractors[number](part.flatten(0, 1)).mean(1)
            tokens.append(features.unflatten(0, part.shape[:2]) + place)
        before = torch.cat(tokens, dim=1)
        return before, self.norm(self.layers(before))

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return a frame for each patch of the signal."""
        first = len(MODALITIES)
        patches = self.patchify(ecg)
        return self.encode(patches)[1][:, first : first + patches[0].shape[1]]

    def summaries(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch modality dim"]:
        """Return the class token of each modality."""
        return self.encode(self.patchify(ecg))[1][:, : len(MODALITIES)]

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the mean class token."""
        return self.summaries(ecg).mean(1)
