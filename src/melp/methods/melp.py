"""MELP: multi-scale ECG-language pretraining."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from melp.augment.leads import mask_leads
from melp.errors import MelpError, check_choices, check_ranges
from melp.losses.caption import caption_loss
from melp.losses.contrastive import global_contrastive
from melp.losses.gather import gather, rows_before, share_of_count
from melp.losses.local_alignment import LocalAlignment, local_alignment_loss
from melp.methods._base import Batch, Inputs, Method
from melp.methods._reports import ReportsConfig, matching_reports, read_texts, text_of
from melp.nn.pooling import AttentionPooler
from melp.nn.report_decoder import ReportDecoder
from melp.nn.trimming import run_trimmed
from melp.text.generation import beam_search
from melp.text.tower import TextFeatures

_CHOICES = {
    "local_form": ("paper", "code"),
    "local_aggregation": ("mean", "sum"),
    "lead_fill": ("isoelectric", "zero"),
}
_POSITIVE = ("beats", "caption_tokens", "pooler_heads", "decoder_layers", "decoder_heads", "temperature")


@dataclass(frozen=True)
class MELPConfig(ReportsConfig):
    """Options of MELP; the defaults are the published values (A: the paper; C: its code)."""

    probes: ClassVar[tuple[str, ...]] = ("beats", "frames", "stages")

    encoder: str = "wav2vec2_small"
    """ECG encoder: a name of `melp encoders` (A, Table 7)."""
    beats: int = 10
    """Beat queries (A; its code has 12, 13 and 14 in different places)."""
    caption_tokens: int = 128
    """ECG tokens that the report decoder reads (C)."""
    pooler_heads: int = 8
    """Attention heads of both poolers (C)."""
    decoder_layers: int = 6
    """Pairs of self-attention and cross-attention in the report decoder (C)."""
    decoder_heads: int = 8
    """Its attention heads (C)."""
    decoder_dropout: float = 0.0
    """Its dropout (C)."""
    decoder_tied: bool = False
    """Whether its output matrix is the word embeddings (C: no)."""
    global_weight: float = 1.0
    """Of the rhythm-level contrastive loss; 0 switches it off (A, Table 5)."""
    caption_weight: float = 2.0
    """Of the token-level caption loss; 0 switches it off (A, lambda 1)."""
    local_weight: float = 0.2
    """Of the beat-level local loss; 0 switches it off (A, lambda 2)."""
    local_form: str = "paper"
    """paper (one softmax, over beats) or code (two softmaxes)."""
    local_aggregation: str = "mean"
    """Over a report's statements: mean, or sum (C), which favours long reports."""
    local_over_ranks: bool = False
    """Whether the local loss sees the batches of all processes (C: no)."""
    lead_masking: float = 0.5
    """Probability that a lead is blanked in training (A, random lead masking)."""
    lead_fill: str = "isoelectric"
    """What a blanked lead holds: isoelectric, or zero (C)."""
    temperature: float = 0.07
    """Of the global loss at the start; learned, at least 0.01 (C)."""
    probe: str = "beats"
    """What `embed` gives: beats (mean beat vector before the projection, C), frames (mean frame of the
    encoder) or stages (mean output of each stage of the encoder, side by side)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, _CHOICES)
        weights = ("global_weight", "caption_weight", "local_weight")
        limits = {**dict.fromkeys(weights, (0, math.inf)), "lead_masking": (0, 1), "decoder_dropout": (0, 1)}
        check_ranges("method", self, limits, above=_POSITIVE)
        if not any(getattr(self, name) for name in weights):
            raise MelpError("method: all three losses have weight 0, wanted at least one")


class MELP(Method):
    """Reads an ECG on three scales, each against its report.

    An encoder turns the ECG into frames. Learned queries pool them into caption tokens, from which a decoder
    writes the report (token scale, cross entropy), and into beats. Each statement of the report attends to
    the beats, and the contexts are contrasted over the batch (beat scale, `local_alignment_loss`). The mean
    beat is contrasted with the whole report's vector (rhythm scale, `global_contrastive`).

    In words: loss = global + 2 caption + 0.2 local. Global: cross entropy of cosines / temperature over rows
    and columns of the batch, the own report being right. Caption: cross entropy of each word piece, given
    those before it and the ECG. Local: the same as global, for the similarity of an ECG and a report that is
    the log mean over its statements of exp(5 cosine of the statement and the beats that it attends to).

    Paper: "From Token to Rhythm: A Multi-Scale Approach for ECG-Language Pretraining", ICML 2025.

    Differences:
        * A report's statements come from its source, not from a search for full stops; one without statements
          leaves the local loss instead of shifting the others.
        * The local loss has one softmax, as the paper describes, and a mean over statements, so that it does
          not favour long reports; `local_form=code local_aggregation=sum` is the published code.
        * The decoder is initialised; blanked leads hold their baseline and never all twelve are blanked.
        * No output depends on the padding of the batch.
        * With attention other than causal, the decoder reads word embeddings, which cannot know later words.
        * Norms, biases and the temperature are not decayed; warm-up comes first, without which both towers
          collapse (`recipes/melp/paper.yaml`).
        * Pairs of a batch with the same text may count as matching (`identical_reports`), where the published
          code takes them for negatives; the caption loss writes the whole report when the contrasts are shown
          a part of it.
    """

    paper: ClassVar[str] = "Wang, Xu and Yu, From Token to Rhythm, ICML 2025"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "text")
    Config: ClassVar[type] = MELPConfig
    learned_by: ClassVar[Mapping[str, str]] = {
        "generate": "caption_weight",
        "project_ecg": "global_weight",
        "embed_text": "global_weight",
    }
    config: MELPConfig

    def __init__(self, config: MELPConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.reports, self.text = text_of(config, inputs)
        bert = self.text.bert
        self.local = LocalAlignment(form=config.local_form, aggregation=config.local_aggregation)
        self.beat_pooler = AttentionPooler(config.dim, self.encoder.dim, config.beats, config.pooler_heads)
        self.beat_norm = nn.LayerNorm(config.dim)
        self.beat_projection = nn.Parameter(torch.randn(config.dim, config.dim) * bert.dim**-0.5)
        self.statement_projection = nn.Linear(bert.dim, config.dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))
        self.token_pooler = AttentionPooler(
            bert.dim, self.encoder.dim, config.caption_tokens, config.pooler_heads
        )
        self.token_norm = nn.LayerNorm(bert.dim)
        self.decoder = ReportDecoder(
            bert.dim,
            bert.config.vocabulary,
            config.decoder_layers,
            config.decoder_heads,
            config.decoder_dropout,
            config.decoder_tied,
        )
        self._switch_off()

    def _switch_off(self) -> None:
        """Parts that only a loss of weight 0 would train are not trained."""
        config = self.config
        if not config.global_weight:
            self.text.projection.requires_grad_(False)
            self.logit_scale.requires_grad_(False)
        if not config.local_weight:
            self.statement_projection.requires_grad_(False)
        if not config.caption_weight:
            for part in (self.token_pooler, self.token_norm, self.decoder):
                part.requires_grad_(False)
        if not config.global_weight and not config.local_weight:
            for beats in (self.beat_pooler, self.beat_norm):
                beats.requires_grad_(False)
            self.beat_projection.requires_grad_(False)
            if config.text_attention != "causal":
                # The decoder reads word embeddings alone.
                self.text.bert.layers.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Weighted sum of the three losses, and each of them."""
        ecg = batch["ecg"]
        if self.training:
            ecg = mask_leads(ecg, batch["key"], self.config.lead_masking, self.config.lead_fill)
        frames = self.encoder(ecg)
        text = self.text(batch["tokens"], batch["sentence"])
        beats = self._beats(frames)
        same = self._matching(batch)
        losses = {
            "global": lambda: self._global_loss(beats, text, same),
            "caption": lambda: self._caption_loss(frames, text, batch),
            "local": lambda: self._local_loss(beats, text, same),
        }
        weights = {name: getattr(self.config, f"{name}_weight") for name in losses}
        values = {name: losses[name]() for name, weight in weights.items() if weight}
        total = torch.stack([weights[name] * value for name, value in values.items()]).sum()
        return {"loss": total, **values}

    def _beats(self, frames: Float[Tensor, "batch frame channel"]) -> Float[Tensor, "batch beat dim"]:
        return self.beat_norm(self.beat_pooler(frames))

    def _global_loss(
        self,
        beats: Float[Tensor, "batch beat dim"],
        text: TextFeatures,
        same: Bool[Tensor, "total total"] | None,
    ) -> Float[Tensor, ""]:
        ecg = F.normalize((beats @ self.beat_projection).mean(1), dim=-1)
        latent = F.normalize(text.latent, dim=-1)
        return global_contrastive(gather(ecg), gather(latent), self.logit_scale.exp(), same)

    def _caption_loss(
        self,
        frames: Float[Tensor, "batch frame channel"],
        text: TextFeatures,
        batch: Batch,
    ) -> Float[Tensor, ""]:
        """Of the whole report, whatever part of it the contrasts are shown."""
        report = batch.get("report", batch["tokens"])
        states = self.text.decoder_states(report) if "report" in batch else text.states
        ecg_tokens = self._caption_tokens(frames)

        def decode(
            states: Float[Tensor, "row token dim"], rows: Int[Tensor, " row"]
        ) -> Float[Tensor, "row token dim"]:
            return self.decoder.hidden(states, ecg_tokens[rows])

        targets = report[:, 1:]
        written = targets != self.text.special.pad
        hidden = run_trimmed(decode, written.sum(1), states[:, :-1])[written]
        logits = self.decoder.project(hidden, self._word_embeddings())
        count = share_of_count(written.sum().float())
        return caption_loss(logits[None], targets[written][None], self.text.special.pad, count=count)

    def _caption_tokens(
        self, frames: Float[Tensor, "batch frame channel"]
    ) -> Float[Tensor, "batch place dim"]:
        return self.token_norm(self.token_pooler(frames))

    def _word_embeddings(self) -> Float[Tensor, "vocabulary dim"] | None:
        return self.text.bert.word_embeddings.weight if self.config.decoder_tied else None

    def _local_loss(
        self,
        beats: Float[Tensor, "batch beat dim"],
        text: TextFeatures,
        same: Bool[Tensor, "total total"] | None,
    ) -> Float[Tensor, ""]:
        beats = beats @ self.beat_projection
        statements = self.statement_projection(text.statements[text.statement_mask])
        owner = text.statement_mask.nonzero()[:, 0]
        if self.config.local_over_ranks:
            owner = gather(owner + rows_before(len(beats), beats.device))
            beats, statements = gather(beats), gather(statements)
        elif same is not None:
            first = rows_before(len(beats), beats.device)
            same = same[first : first + len(beats), first : first + len(beats)]
        return local_alignment_loss(beats, statements, owner, self.local, same)

    def _matching(self, batch: Batch) -> Bool[Tensor, "total total"] | None:
        """Which ECGs (rows) and texts (columns) of the joined batch match, beside the diagonal."""
        return matching_reports(batch, self.config.identical_reports)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Mean beat vector before the projection, or of the encoder (option `probe`)."""
        beats_trained = self.config.global_weight or self.config.local_weight
        if self.config.probe == "beats" and beats_trained:
            return self._beats(self.encoder(ecg)).mean(1)
        return super().embed(ecg)

    def project_ecg(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Rhythm vectors of unit length, in the common space."""
        return F.normalize(self.beat_vectors(ecg).mean(1), dim=-1)

    def beat_vectors(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch beat dim"]:
        """Beats in the common space, not of unit length."""
        return self._beats(self.encoder(ecg)) @ self.beat_projection

    def embed_text(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Vectors of unit length, in the common space, of texts that are one statement each."""
        return F.normalize(self._read(texts).latent, dim=-1)

    def embed_statements(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Statement vectors, as the local loss compares them with beats."""
        return self.statement_projection(self._read(texts).statements[:, 0])

    def _read(self, texts: Sequence[str]) -> TextFeatures:
        return read_texts(self.text, self.reports, texts)

    @torch.no_grad()
    def generate(
        self, ecg: Float[Tensor, "batch lead time"], beams: int = 1, max_length: int = 100
    ) -> list[str]:
        """Write a report for each ECG, by greedy or beam search."""
        special, tokenizer = self.text.special, self.reports.tokenizer
        ecg_tokens = self._caption_tokens(self.encoder(ecg)).repeat_interleave(beams, 0)
        words, decoder = self.text.new_cache(), self.decoder.new_cache()

        def step(newest: Int[Tensor, "row 1"]) -> Float[Tensor, "row vocabulary"]:
            states = self.text.decoder_states(newest, words)
            return self.decoder(states, ecg_tokens, decoder, self._word_embeddings())[:, -1]

        def reorder(rows: Int[Tensor, " row"]) -> None:
            words.reorder(rows)
            decoder.reorder(rows)

        sequences = beam_search(
            step,
            reorder,
            len(ecg),
            tokenizer.bos_token_id,
            tokenizer.sep_token_id,
            min(max_length, self.text.max_tokens - 1),
            beams,
            banned=(
                special.pad,
                special.cls,
                tokenizer.bos_token_id,
                tokenizer.mask_token_id,
                tokenizer.unk_token_id,
            ),
            device=ecg.device,
        )
        return [self.reports.decode(sequence) for sequence in sequences]

    def after_step(self, step: int, steps: int) -> None:
        """Keep the temperature at 0.01 or above."""
        with torch.no_grad():
            self.logit_scale.clamp_(0, math.log(100))
