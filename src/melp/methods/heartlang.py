"""HeartLang: beats become words of an inventory; then, sentences with gaps are filled in."""

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
from melp.errors import check_choices, check_ranges
from melp.losses.gather import share_of_count
from melp.methods._base import Batch, EncoderConfig, Inputs, Method
from melp.nn import list_encoders
from melp.nn.beat_quantiser import BeatQuantiser
from melp.nn.codebook import Codebook
from melp.nn.heartlang import HeartLangEncoder
from melp.signal.sentences import Sentences

STAGES = ("codebook", "sentences")
_MASK, _REVIVE = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class HeartLangConfig(EncoderConfig):
    """Options of HeartLang (A: the paper; C: its code)."""

    encoders: ClassVar[Sequence[str]] = list_encoders(HeartLangEncoder)

    stage: str = "sentences"
    """Which stage is trained: codebook, or sentences, before which the codebook is trained (A)."""
    encoder: str = "heartlang_base"
    """Transformer over sentences (A): heartlang_narrow or heartlang_base."""
    masked: float = 0.5
    """Share of a recording's beats that is hidden (A)."""
    codes: int = 8192
    """Words of the inventory (A)."""
    code_dim: int = 128
    """Width of a word (A)."""
    decay: float = 0.99
    """Of the moving averages that the words are (C)."""
    dead: float = 0.01
    """Share of the mean use under which a word is given up for a beat of the batch (not published)."""
    commitment: float = 1.0
    """Weight of the distance between a beat's vector and its word (C)."""
    quantiser_layers: int = 4
    """Transformer layers of the quantiser's encoder (C)."""
    quantiser_decoder_layers: int = 2
    """Transformer layers of its decoder (C)."""
    quantiser_heads: int = 2
    """Its attention heads (C)."""
    quantiser_head_dim: int = 64
    """Width of one of them (C)."""
    quantiser_feedforward: int = 2048
    """Hidden width of its layers (C)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, {"stage": STAGES})
        parts = ("layers", "decoder_layers", "heads", "head_dim", "feedforward")
        sizes = ["codes", "code_dim", "masked", *(f"quantiser_{part}" for part in parts)]
        limits = dict.fromkeys(("masked", "decay", "dead"), (0.0, 1.0)) | {"commitment": (0.0, math.inf)}
        check_ranges("method", self, limits, above=sizes)


class HeartLang(Method):
    """Reads an ECG as a text whose words are beats, and learns it as language models learn theirs.

    R waves cut a recording into beats of 0.96 s. All beats of the first lead, then all of the second and so
    on are a sentence. A transformer reads it; each beat comes with its lead and the second in which it is.

    In the first stage (`codebook`), what the transformer makes of a beat is exchanged for the nearest of a
    fixed number of vectors, its word, and a second transformer is to draw all beats from the words. Words
    follow the beats that they stand for as moving averages. In the second stage (`sentences`), half of the
    beats are hidden, and a new transformer is to tell the words of those from the others: the same beat in
    other leads, the other beats of the same lead. Words are of shapes, not of noise, which nothing could
    foretell. A probe reads the class token of this transformer.

    In words: first, loss = mean over beats of (drawn - beat)^2 + (vector - its word as given)^2; then, loss =
    mean over hidden beats of -log softmax over all words, at the beat's own.

    Paper: Jin, Wang, Li, Li, Pan and Hong, "Reading Your Heart: Learning ECG Words and Sentences
    via Pre-training ECG Language Model", ICLR 2025.

    Differences:
        * Words of hidden beats are told by the quantiser with leads and seconds in view, as it was trained;
          the published code leaves both out.
        * Empty places of a sentence are neither hidden nor drawn nor read; in the published code half of them
          are hidden, and count.
        * A hidden beat is blank before beats are embedded, for the embedding also reads the beats before and
          after.
        * Where the beats are more than the sentence has places, each lead loses its last ones, not the last
          leads all of theirs; R waves are looked for in all leads, not in lead I alone.
        * The inventory begins with vectors of the first batch, drawn at random, not with k-means, and words
          that are out of use are drawn anew. Statistics are those of all processes.
        * AdamW without layer decay; the second stage begins with fresh weights, as published.
    """

    paper: ClassVar[str] = "Jin et al., Reading Your Heart (HeartLang), ICLR 2025"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = HeartLangConfig
    stages: ClassVar[tuple[str, ...]] = STAGES
    config: HeartLangConfig
    encoder: HeartLangEncoder

    def __init__(self, config: HeartLangConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        encoder = self.encoder
        self.hidden_beat = nn.Parameter(0.02 * torch.randn(encoder.dim))
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
        """The usual switch; a quantiser that is done stays as it is used, without dropout."""
        super().train(mode)
        if self.config.stage == "sentences":
            self.quantiser.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss of the stage, and how much of the inventory is used, or how many words are told."""
        sentences = self.encoder.sentences(batch["ecg"])
        stage = self._codebook if self.config.stage == "codebook" else self._sentences
        return stage(sentences, batch["key"])

    def _codebook(self, sentences: Sentences, keys: Int[Tensor, " batch"]) -> dict[str, Float[Tensor, ""]]:
        used, codebook = sentences.used, self.quantiser.codebook
        vectors = self.quantiser.vectors(sentences)
        with torch.autocast(vectors.device.type, enabled=False):
            chosen = codebook.nearest(vectors)
            words = codebook.codes[chosen]
        # The gradient of the words is that of the vectors that they stand for.
        drawn = self.quantiser.decode(vectors + (words - vectors).detach(), sentences)
        count = share_of_count(used.sum().to(vectors))
        errors = (drawn.float() - sentences.beats).square().mean(-1), (vectors - words).square().mean(-1)
        reconstruction, distance = (error[used].sum() / count for error in errors)
        if self.training:
            draw = uniform(keys, used.shape[1], stream=_REVIVE)
            codebook.accumulate(vectors[used], chosen[used], draw[used])
        loss = reconstruction + self.config.commitment * distance
        return {"loss": loss, "reconstruction": reconstruction, "commitment": distance}

    def _sentences(self, sentences: Sentences, keys: Int[Tensor, " batch"]) -> dict[str, Float[Tensor, ""]]:
        hidden = self._hidden(sentences.used, keys)
        wanted = self._words(sentences)[hidden]
        embedded = self.encoder.embed_beats(sentences.beats.masked_fill(hidden[..., None], 0.0))
        embedded = torch.where(hidden[..., None], self.hidden_beat.to(embedded.dtype), embedded)
        words = self.encoder.contextualise(embedded, sentences)[1]
        logits = self.head(words[hidden]).float()
        count = share_of_count(hidden.sum().to(logits))
        told = (logits.argmax(1) == wanted).sum() / count
        return {"loss": F.cross_entropy(logits, wanted, reduction="sum") / count, "told": told}

    def _hidden(
        self, used: Bool[Tensor, "batch slot"], keys: Int[Tensor, " batch"]
    ) -> Bool[Tensor, "batch slot"]:
        """The beats that are hidden: the same share of every recording's, at least one."""
        draw = uniform(keys, used.shape[1], stream=_MASK).masked_fill(~used, 2.0)
        count = (self.config.masked * used.sum(1)).round().clamp(min=1)
        return draw.argsort(1).argsort(1) < count[:, None]

    @torch.no_grad()
    def _words(self, sentences: Sentences) -> Int[Tensor, "batch slot"]:
        """The word of each beat."""
        # In half precision, words that are alike would be mistaken for each other.
        with torch.autocast(sentences.beats.device.type, enabled=False):
            return self.quantiser.codebook.nearest(self.quantiser.vectors(sentences))

    def after_step(self, step: int, steps: int) -> None:
        """The inventory follows."""
        self.quantiser.codebook.update()
