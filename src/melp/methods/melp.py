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
from melp.losses.gather import gather, rows_before, share_of_count
from melp.losses.local_alignment import LocalAlignment, local_alignment_loss
from melp.methods._base import Batch, Inputs, Method
from melp.methods._reports import ReportsConfig, batch_contrast, matching_reports, read_texts, text_of
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
    """ECG encoder, a name of `melp encoders` (A, Table 7)."""
    beats: int = 10
    """Number of beat queries (A; the code has 12, 13 and 14 in different places)."""
    caption_tokens: int = 128
    """Number of ECG tokens that the report decoder reads (C)."""
    pooler_heads: int = 8
    """Attention heads of both poolers (C)."""
    decoder_layers: int = 6
    """Layers of the report decoder, each with self-attention and cross-attention (C)."""
    decoder_heads: int = 8
    """Attention heads of the decoder (C)."""
    decoder_dropout: float = 0.0
    """Dropout of the decoder (C)."""
    decoder_tied: bool = False
    """Whether the decoder's output matrix is the word embedding matrix (C: no)."""
    global_weight: float = 1.0
    """Weight of the rhythm-level contrastive loss; 0 disables it (A, Table 5)."""
    caption_weight: float = 2.0
    """Weight of the token-level caption loss; 0 disables it (A, lambda 1)."""
    local_weight: float = 0.2
    """Weight of the beat-level local loss; 0 disables it (A, lambda 2)."""
    local_form: str = "paper"
    """Local loss: paper (one softmax, over beats) or code (two softmaxes)."""
    local_aggregation: str = "mean"
    """Aggregation over a report's statements: mean, or sum (C), which favours long reports."""
    local_over_ranks: bool = False
    """Whether the local loss uses the batches of all processes (C: no)."""
    lead_masking: float = 0.5
    """Probability that a lead is masked in training (A, random lead masking)."""
    lead_fill: str = "isoelectric"
    """Value of a masked lead: isoelectric, or zero (C)."""
    temperature: float = 0.07
    """Initial temperature of the global loss; learned, at least 0.01 (C)."""
    probe: str = "beats"
    """Embedding: beats (mean beat vector before the projection, C), frames (mean frame of the encoder) or
    stages (mean outputs of the encoder's stages, concatenated)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("method", self, _CHOICES)
        weights = ("global_weight", "caption_weight", "local_weight")
        limits = {**dict.fromkeys(weights, (0, math.inf)), "lead_masking": (0, 1), "decoder_dropout": (0, 1)}
        check_ranges("method", self, limits, above=_POSITIVE)
        if not any(getattr(self, name) for name in weights):
            raise MelpError("method: all three losses have weight 0, wanted at least one")


class MELP(Method):
    """Aligns ECG and report on three scales: tokens, beats and rhythm.

    An encoder turns the ECG into frames. Learned queries pool them into caption tokens, from which a decoder
    generates the report (token scale, cross entropy), and into beats. Each statement of the report attends
    to the beats, and the contexts are contrasted over the batch (beat scale, `local_alignment_loss`). The
    mean beat is contrasted with the vector of the whole report (rhythm scale, `global_contrastive`).

    In words: loss = global + 2 caption + 0.2 local. Global: cross entropy of cosines / temperature over rows
    and columns of the batch; the target is the ECG's own report. Caption: cross entropy of each word piece,
    given the previous ones and the ECG. Local: as global, with the similarity of ECG and report defined as
    the log mean over statements of exp(5 cosine of the statement and the beats that it attends to).

    Paper: "From Token to Rhythm: A Multi-Scale Approach for ECG-Language Pretraining", ICML 2025.

    Differences:
        * Statements come from the source of the report, not from splitting at full stops. A report without
          statements is left out of the local loss; in the published code it shifts the others.
        * The local loss has one softmax, as in the paper, and a mean over statements, so that it does not
          favour long reports; `local_form=code local_aggregation=sum` is the published code.
        * The decoder is initialised; masked leads keep their baseline, and one lead at least is not masked.
        * No output depends on the padding of the batch.
        * With attention other than causal, the decoder reads word embeddings, which do not depend on later
          words.
        * Weight decay is for the matrices of layers only. In the published code it also shrinks norms,
          biases, the temperature, queries, and the embeddings of words that are in prompts, but in no report.
        * Training has a warm-up; without it both towers collapse (`recipes/melp/paper.yaml`).
        * Pairs of a batch with the same text may count as positives (`identical_reports`); in the published
          code they are negatives. The caption loss uses the whole report, even if the contrasts use a part.
    """

    paper: ClassVar[str] = "Wang, Xu and Yu, From Token to Rhythm, ICML 2025"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "text")
    Config: ClassVar[type] = MELPConfig
    requires_loss: ClassVar[Mapping[str, str]] = {
        "generate": "caption_weight",
        "beat_vectors": "local_weight",
        "project_ecg": "global_weight",
        "embed_text": "global_weight",
    }
    matrices: ClassVar[tuple[str, ...]] = ("beat_projection",)
    config: MELPConfig

    @classmethod
    def least_records(cls, config: MELPConfig, ranks: int = 1) -> int:
        """Return 2 for a contrast, 2 in each process for one that compares the records of a process only."""
        if config.local_weight and not config.local_over_ranks:
            return 2 * ranks
        return 2 if config.global_weight or config.local_weight else 1

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
        self._freeze_unused()

    def _freeze_unused(self) -> None:
        """Freeze the parts that only losses of weight 0 would train."""
        config, unused = self.config, list[nn.Module | nn.Parameter]()
        if not config.global_weight:
            unused += [self.text.projection, self.logit_scale]
        if not config.local_weight:
            unused += [self.statement_projection]
        if not config.caption_weight:
            unused += [self.token_pooler, self.token_norm, self.decoder]
        if not config.global_weight and not config.local_weight:
            unused += [self.beat_pooler, self.beat_norm, self.beat_projection]
            if config.text_attention != "causal":
                # The decoder reads word embeddings only.
                unused += [self.text.bert.layers]
        for part in unused:
            part.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted sum of the three losses, and each loss."""
        ecg = batch["ecg"]
        if self.training:
            ecg = mask_leads(ecg, batch["key"], self.config.lead_masking, self.config.lead_fill)
        frames = self.encoder(ecg)
        text = self.text(batch["tokens"], batch["sentence"])
        beats = self._beats(frames)
        matching = matching_reports(batch, self.config.identical_reports)
        losses = {}
        if self.config.global_weight:
            ecg = (beats @ self.beat_projection).mean(1)
            losses["global"] = batch_contrast(ecg, text.latent, self.logit_scale.exp(), matching)
        if self.config.caption_weight:
            losses["caption"] = self._caption_loss(frames, text, batch)
        if self.config.local_weight:
            losses["local"] = self._local_loss(beats, text, matching)
        return self.weighted_sum(losses)

    def _beats(self, frames: Float[Tensor, "batch frame channel"]) -> Float[Tensor, "batch beat dim"]:
        return self.beat_norm(self.beat_pooler(frames))

    def _caption_loss(
        self, frames: Float[Tensor, "batch frame channel"], text: TextFeatures, batch: Batch
    ) -> Float[Tensor, ""]:
        """Return the cross entropy of the whole report, even if the contrasts use a part of it."""
        report = batch.get("report", batch["tokens"])
        states = self.text.decoder_states(report) if "report" in batch else text.states
        ecg_tokens = self._caption_tokens(frames)

        def decode(
            states: Float[Tensor, "row token dim"], rows: Int[Tensor, " row"]
        ) -> Float[Tensor, "row token dim"]:
            return self.decoder.hidden(states, ecg_tokens[rows])

        targets = report[:, 1:]
        valid = targets != self.text.special.pad
        hidden = run_trimmed(decode, valid.sum(1), states[:, :-1])[valid]
        logits = self.decoder.project(hidden, self._word_embeddings())
        count = share_of_count(valid.sum().float())
        return caption_loss(logits[None], targets[valid][None], self.text.special.pad, count=count)

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
        matching: Bool[Tensor, "total total"] | None,
    ) -> Float[Tensor, ""]:
        beats = beats @ self.beat_projection
        statements = self.statement_projection(text.statements[text.statement_mask])
        owner = text.statement_mask.nonzero()[:, 0]
        if self.config.local_over_ranks:
            owner = gather(owner + rows_before(len(beats), beats.device))
            beats, statements = gather(beats), gather(statements)
        elif matching is not None:
            first = rows_before(len(beats), beats.device)
            matching = matching[first : first + len(beats), first : first + len(beats)]
        return local_alignment_loss(beats, statements, owner, self.local, matching)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the mean beat vector before the projection, or the encoder's embedding (option `probe`)."""
        beats_trained = self.config.global_weight or self.config.local_weight
        if self.config.probe == "beats" and beats_trained:
            return self._beats(self.encoder(ecg)).mean(1)
        return super().embed(ecg)

    def project_ecg(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return unit vectors of ECGs in the space shared with text."""
        return F.normalize(self.beat_vectors(ecg).mean(1), dim=-1)

    def beat_vectors(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch beat dim"]:
        """Return beat vectors in the shared space, not normalised."""
        return self._beats(self.encoder(ecg)) @ self.beat_projection

    def embed_text(self, texts: Sequence[str | Sequence[str]]) -> Float[Tensor, "text dim"]:
        """Return unit vectors in the shared space of texts: one statement, or the statements of a report."""
        return F.normalize(self._read(texts).latent, dim=-1)

    def embed_statements(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Return statement vectors, which the local loss compares with beats."""
        return self.statement_projection(self._read(texts).statements[:, 0])

    def _read(self, texts: Sequence[str | Sequence[str]]) -> TextFeatures:
        return read_texts(self.text, self.reports, texts)

    @torch.no_grad()
    def generate(
        self, ecg: Float[Tensor, "batch lead time"], beams: int = 1, max_length: int = 100
    ) -> list[str]:
        """Generate a report for each ECG, by greedy or beam search."""
        special, tokenizer = self.text.special, self.reports.tokenizer
        start, mask, unknown = tokenizer.bos_token_id, tokenizer.mask_token_id, tokenizer.unk_token_id
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
            start,
            tokenizer.sep_token_id,
            min(max_length, self.text.max_tokens - 1),
            beams,
            banned=(special.pad, special.cls, start, mask, unknown),
            device=ecg.device,
        )
        return [self.reports.decode(sequence) for sequence in sequences]

    def after_step(self, step: int, steps: int) -> None:
        """Keep the temperature at 0.01 or above."""
        with torch.no_grad():
            self.logit_scale.clamp_(0, math.log(100))
