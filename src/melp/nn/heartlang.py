"""HeartLang's transformer over ECG sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.errors import MelpError
from melp.nn.base import Encoder
from melp.nn.transformer import Transformer, TransformerBlock
from melp.signal.sentences import BEAT_RATE, BEAT_SAMPLES, Sentences, make_sentences


@dataclass(frozen=True)
class HeartLangConfig:
    """Sizes of a `HeartLangEncoder`; the defaults are those of the published masked-sentence model."""

    leads: int = 12
    """Input leads."""
    rate: float = BEAT_RATE
    """Hz of the ECGs; beats are cut at 100 Hz."""
    slots: int = 256
    """Beats of a sentence."""
    seconds: int = 15
    """Seconds with their own embedding; later beats share the last one."""
    frame: int = 25
    """Samples of a frame at 100 Hz."""
    dim: int = 768
    """Width."""
    layers: int = 12
    """Transformer layers (4 in the published quantiser)."""
    heads: int = 8
    """Attention heads (2 in the published quantiser)."""
    head_dim: int = 64
    """Width of a head."""
    feedforward: int = 1024
    """Hidden width of a layer (2048 in the published quantiser)."""
    dropout: float = 0.1
    """Dropout after the embeddings, attention and feed-forward parts."""

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise MelpError(f"heartlang: rate {self.rate} Hz found, wanted a positive number")


HEARTLANG_PRESETS: dict[str, HeartLangConfig] = {
    "narrow": HeartLangConfig(dim=96, layers=3, heads=4, head_dim=24, feedforward=192),
    "base": HeartLangConfig(),
}
"""The published size, and a narrow one for two CPU cores; both for 100 Hz."""


class SentenceTransformer(nn.Module):
    """Lead, second and position embeddings, class token and a pre-norm transformer over a sentence's words.

    HeartLang (Jin et al. 2025), ST-ECGFormer without its token embeddings.

    Differences: empty slots are not attended to, so the output does not depend on their number.
    """

    def __init__(self, config: HeartLangConfig) -> None:
        super().__init__()
        self.config, self.dim = config, config.dim
        self.lead_embedding = _embedding(config.leads, config.dim)
        self.second_embedding = _embedding(config.seconds, config.dim)
        self.positions = nn.Parameter(0.02 * torch.randn(config.slots + 1, config.dim))
        self.class_token = nn.Parameter(0.02 * torch.randn(config.dim))
        self.dropout = nn.Dropout(config.dropout)
        self.layers = Transformer(
            TransformerBlock(
                config.dim, config.heads, config.feedforward, config.dropout, head_dim=config.head_dim
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def contextualise(
        self, embedded: Float[Tensor, "batch slot dim"], sentences: Sentences
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch slot dim"]]:
        """Return class token and words after the transformer; words of empty slots are undefined.

        Args:
            embedded: token embeddings.
            sentences: places of the beats.
        """
        second = sentences.second.clamp(max=self.config.seconds)
        x = embedded + self.lead_embedding(sentences.lead) + self.second_embedding(second)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1)
        x = self.dropout(x + self.positions)
        used = torch.cat([torch.ones_like(sentences.used[:, :1]), sentences.used], dim=1)
        x = self.norm(self.layers(x, mask=used[:, None, None]))
        return x[:, 0], x[:, 1:]


def _embedding(count: int, dim: int) -> nn.Embedding:
    """Embed 1 to `count`, and 0 for empty slots; initially small compared with the embeddings of beats."""
    embedding = nn.Embedding(count + 1, dim, padding_idx=0)
    with torch.no_grad():
        embedding.weight.mul_(0.02)
    return embedding


class HeartLangEncoder(SentenceTransformer, Encoder):
    """Beats as words: token, lead, second and position embeddings, class token, pre-norm transformer.

    HeartLang (Jin et al. 2025), ST-ECGFormer. For pretraining: `sentences` cuts ECGs into beats,
    `embed_beats` embeds them, `contextualise` runs the transformer on embeddings, which may be masked.

    A frame is the mean over leads of the words of the beat at its middle. The vector of a recording is the
    class token.

    Differences: empty slots are not attended to, so the output does not depend on their number.
    """

    needs: ClassVar[str] = "R waves"

    def __init__(self, config: HeartLangConfig | None = None) -> None:
        super().__init__(config or HeartLangConfig())
        # Beats are embedded together with their neighbours in the sentence, circular as published.
        self.beat_embedding = nn.Conv1d(
            BEAT_SAMPLES, self.dim, 3, padding=1, padding_mode="circular", bias=False
        )
        nn.init.kaiming_normal_(self.beat_embedding.weight, mode="fan_in", nonlinearity="leaky_relu")

    def sentences(self, ecg: Float[Tensor, "batch lead time"]) -> Sentences:
        """Cut ECGs at the rate of the config into beats."""
        return make_sentences(ecg, self.config.rate, self.config.slots)

    def embed_beats(self, beats: Float[Tensor, "batch slot sample"]) -> Float[Tensor, "batch slot dim"]:
        """Return the token embeddings of beats, which pretraining masks."""
        return self.beat_embedding(beats.transpose(1, 2)).transpose(1, 2)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        """Return a frame for each `frame` samples at 100 Hz, at least one."""
        sentences = self.sentences(ecg)
        words = self.contextualise(self.embed_beats(sentences.beats), sentences)[1]
        count = self._frame_count(ecg.shape[-1])
        length = ecg.shape[-1] * BEAT_RATE / self.config.rate
        middles = (torch.arange(count, device=ecg.device) + 0.5) * length / count
        beat = sentences.beats_at(middles)
        lead = torch.arange(self.config.leads, device=ecg.device)[:, None]
        slot = (lead * sentences.count[:, None, None] + beat[:, None]).flatten(1)
        return words.take_along_dim(slot[..., None], 1).unflatten(1, (-1, count)).mean(1)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the class token."""
        sentences = self.sentences(ecg)
        return self.contextualise(self.embed_beats(sentences.beats), sentences)[0]

    def _frame_count(self, samples: int) -> int:
        return max(int(samples * BEAT_RATE / self.config.rate) // self.config.frame, 1)
