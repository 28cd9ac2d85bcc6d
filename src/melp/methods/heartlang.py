"""HeartLang: quantises beats to words of a codebook, then predicts masked words of an ECG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.augment.random import uniform
from melp.augment.streams import Stream
from melp.errors import check_choices, check_ranges
from melp.losses.gather import share_of_count
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.nn import list_encoders
from melp.nn.beat_quantiser import BeatQuantiser
from melp.nn.codebook import Codebook
from melp.nn.heartlang import HeartLangEncoder
from melp.signal.precision import without_autocast
from melp.signal.sentences import Sentences

STAGES = ("codebook", "sentences")


@dataclass(frozen=True)
class HeartLangConfig(EncoderConfig):
    """Options of HeartLang (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(HeartLangEncoder)

    stage: str = "sentences"
    """Stage to train: codebook, or sentences, which trains the codebook first (A)."""
    encoder: str = "heartlang_base"
    """Transformer over sentences (A): heartlang_narrow or heartlang_base."""
    masked: float = 0.5
    """Share of a recording's beats that is masked (A)."""
    codes: int = 8192
    """Number of words in the codebook (A)."""
    code_dim: int = 128
    """Width of a word (A)."""
    decay: float = 0.99
    """Decay of the moving averages that define the words (C)."""
    dead: float = 0.01
    """Share of the mean usage below which a word is replaced by a beat of the batch (not published)."""
    commitment: float = 1.0
    """Weight of the distance between a beat's vector and its word (C)."""
    quantiser_layers: int = 4
    """Transformer layers of the quantiser's encoder (C)."""
    quantiser_decoder_layers: int = 2
    """Transformer layers of the quantiser's decoder (C)."""
    quantiser_heads: int = 2
    """Attention heads of the quantiser (C)."""
    quantiser_head_dim: int = 64
    """Width of an attention head of the quantiser (C)."""
    quantiser_feedforward: int = 2048
    """Hidden width of the quantiser's layers (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"stage": STAGES})
        parts = ("layers", "decoder_layers", "heads", "head_dim", "feedforward")
        sizes = ["codes", "code_dim", "masked", *(f"quantiser_{part}" for part in parts)]
        limits = dict.fromkeys(("masked", "decay", "dead"), (0.0, 1.0)) | {"commitment": (0.0, math.inf)}
        check_ranges("method", self, limits, above=sizes)


class HeartLang(Method):
    """Reads an ECG as a sentence whose words are beats, and pretrains like a masked language model.

    A recording is cut at its R peaks into beats of 0.96 s. The beats of the first lead, followed by those of
    the second and so on, form a sentence. A transformer reads it, with embeddings of each beat's lead and
    time in seconds.

    In the first stage (`codebook`), the transformer's vector of each beat is replaced by the nearest vector
    of a codebook, its word, and a second transformer reconstructs all beats from the words. Words are moving
    averages of the vectors assigned to them. In the second stage (`sentences`), half of the beats are masked,
    and a new transformer predicts their words from the other beats: the same beat in other leads and other
    beats of the same lead. Words describe shapes and not noise, which cannot be predicted. A probe reads the
    class token of this transformer.

    In words: first, loss = mean over beats of (reconstruction - beat)^2 + (vector - stop-gradient of its
    word)^2; then, loss = mean over masked beats of -log softmax over all words, at the beat's word.

    Paper: Jin, Wang, Li, Li, Pan and Hong, "Reading Your Heart: Learning ECG Words and Sentences
    via Pre-training ECG Language Model", ICLR 2025.

    Differences:
        * The quantiser determines the words of masked beats with the embeddings of leads and seconds, as in
          its training; the published code leaves both out.
        * Empty positions of a sentence are not masked, reconstructed or read; in the published code half of
          them are masked and part of the loss.
        * Masked beats are set to zero before beats are embedded, because the embedding also reads the
          previous and the next beat.
        * If there are more beats than positions, each lead loses its last beats, not the last leads all of
          theirs. R peaks are detected in all leads, not in lead I only.
        * The codebook is initialised with random vectors of the first batch, not with k-means, and unused
          words are replaced. Statistics are those of all processes.
        * AdamW without layer decay; the second stage starts from a new transformer, as published.
        * Weight decay is for the matrices of layers only, not for embeddings, tokens and positions.
    """

    paper: ClassVar[str] = "Jin et al., Reading Your Heart (HeartLang), ICLR 2025"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    least_batch: ClassVar[int] = 1
    Config: ClassVar[type] = HeartLangConfig
    stages: ClassVar[tuple[str, ...]] = STAGES
    config: HeartLangConfig
    encoder: HeartLangEncoder

    def __init__(self, config: HeartLangConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.mask_token = nn.Parameter(0.02 * torch.randn(encoder.dim))
        self.head = nn.Linear(encoder.dim, config.codes)
        sizes = replace(
            encoder.config,
            layers=config.quantiser_layers,
            heads=config.quantiser_heads,
            head_dim=config.quantiser_head_dim,
            feedforward=config.quantiser_feedforward,
        )
        codebook = Codebook(config.codes, config.code_dim, config.decay, config.dead)
        self.quantiser = BeatQuantiser(sizes, config.quantiser_decoder_layers, codebook, config.code_dim)
        first = config.stage == "codebook"
        self.requires_grad_(not first)
        self.quantiser.requires_grad_(first)

    def train(self, mode: bool = True) -> HeartLang:
        """Set the training mode; a trained quantiser stays in evaluation mode."""
        super().train(mode)
        if self.config.stage == "sentences":
            self.quantiser.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the loss of the stage, and its terms or the accuracy of the predicted words."""
        sentences = self.encoder.sentences(batch["ecg"])
        stage = self._codebook if self.config.stage == "codebook" else self._sentences
        return stage(sentences, batch["key"])

    def _codebook(self, sentences: Sentences, keys: Int[Tensor, " batch"]) -> dict[str, Float[Tensor, ""]]:
        used, codebook = sentences.used, self.quantiser.codebook
        vectors = self.quantiser.vectors(sentences)
        with without_autocast(vectors.device):
            chosen = codebook.nearest(vectors)
            words = codebook.codes[chosen]
        # Straight-through estimator: the gradient of a word is passed to its vector.
        decoded = self.quantiser.decode(vectors + (words - vectors).detach(), sentences)
        count = share_of_count(used.sum().to(vectors))
        errors = (decoded.float() - sentences.beats).square().mean(-1), (vectors - words).square().mean(-1)
        reconstruction, distance = (error[used].sum() / count for error in errors)
        if self.training:
            draw = uniform(keys, used.shape[1], stream=Stream.HEARTLANG_REVIVED)
            codebook.accumulate(vectors[used], chosen[used], draw[used])
        loss = reconstruction + self.config.commitment * distance
        return {"loss": loss, "reconstruction": reconstruction, "commitment": distance}

    def _sentences(self, sentences: Sentences, keys: Int[Tensor, " batch"]) -> dict[str, Float[Tensor, ""]]:
        masked = self._masked(sentences.used, keys)
        target = self._words(sentences)[masked]
        embedded = self.encoder.embed_beats(sentences.beats.masked_fill(masked[..., None], 0.0))
        embedded = torch.where(masked[..., None], self.mask_token.to(embedded.dtype), embedded)
        words = self.encoder.contextualise(embedded, sentences)[1]
        logits = self.head(words[masked]).float()
        count = share_of_count(masked.sum().to(logits))
        accuracy = (logits.argmax(1) == target).sum() / count
        return {"loss": F.cross_entropy(logits, target, reduction="sum") / count, "accuracy": accuracy}

    def _masked(
        self, used: Bool[Tensor, "batch slot"], keys: Int[Tensor, " batch"]
    ) -> Bool[Tensor, "batch slot"]:
        """Return which beats are masked: the same share of every recording, at least one."""
        draw = uniform(keys, used.shape[1], stream=Stream.HEARTLANG_BEATS).masked_fill(~used, 2.0)
        count = (self.config.masked * used.sum(1)).round().clamp(min=1)
        return draw.argsort(1).argsort(1) < count[:, None]

    @torch.no_grad()
    def _words(self, sentences: Sentences) -> Int[Tensor, "batch slot"]:
        """Return the word of each beat."""
        # Half precision cannot distinguish similar words.
        with without_autocast(sentences.beats.device):
            return self.quantiser.codebook.nearest(self.quantiser.vectors(sentences))

    def after_step(self, step: int, steps: int) -> None:
        """Update the codebook."""
        self.quantiser.codebook.update()
