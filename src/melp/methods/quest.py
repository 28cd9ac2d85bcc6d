"""QUEST: every statement asks the ECG whether it applies (query by statement)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.augment.amplitude import scale_amplitude
from melp.augment.leads import mask_leads
from melp.augment.time import shift_time
from melp.data.bank import StatementBank
from melp.errors import MelpError, check_ranges
from melp.losses.gather import share_of_mean
from melp.methods._base import Bank, Batch, Inputs, Method
from melp.methods._reports import TextConfig, read_texts, text_of
from melp.nn.asker import Asker
from melp.nn.base import Encoder
from melp.nn.ensemble import Ensemble
from melp.reports.implied import implied_statements
from melp.reports.write import compose_report, join_statements


@dataclass(frozen=True)
class QUESTConfig(TextConfig):
    """Options of QUEST; it has no publication, and its values were chosen on fold 8 of PTB-XL."""

    probes: ClassVar[tuple[str, ...]] = ("stages", "frames", "answers")

    encoder: str = "beat_resnet_base"
    """ECG encoder, a name of `melp encoders`; one with beats reads the recording, its rhythm and its beat."""
    text_attention: str = "statement"
    """Attention of the text tower: statement (a statement has one vector), causal or bidirectional."""
    text_pooling: str = "statements"
    """Not used: only vectors of statements are compared."""
    text_trained: bool = False
    """Whether the language model is trained too; if not, the bank is read once."""
    implied: bool = True
    """Whether the bank also has the findings that statements imply (`melp.reports.implied`)."""
    bank_size: int = 4096
    """Largest number of statements of the bank; the rarest are left out."""
    heads: int = 1
    """Attention heads with which a statement pools the frames; 0 takes the mean frame for all statements."""
    members: int = 1
    """Encoders, each with questions and a loss of its own; an answer is the mean of their logits."""
    lead_masking: float = 0.3
    """Probability that a lead is masked in training."""
    shift: float = 0.05
    """Longest shift in time in training, as a share of the recording."""
    scaling: float = 0.1
    """Standard deviation of the factor that scales a recording in training."""
    probe: str = "stages"
    """Embedding: stages (mean outputs of the encoder's stages, concatenated), frames (mean frame), or answers
    (stages and the cosines of all statements of the bank)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = dict.fromkeys(("lead_masking", "shift", "scaling"), (0.0, 1.0))
        limits |= {"bank_size": (1, math.inf), "heads": (0, math.inf), "members": (1, math.inf)}
        check_ranges("method", self, limits)


_BEFORE_MEMBERS = ("text_head.", "frame_norm.", "pooler.", "logit_scale", "log_odds.")
"""Weights that belonged to the method itself before it could have several members."""


class QUEST(Method):
    """Asks each ECG for every statement of a bank, not only for those of the reports of a batch.

    The bank contains the distinct statements of all training reports and the findings that they imply:
    "possible old inferior myocardial infarction" implies "inferior myocardial infarction" and "myocardial
    infarction". A language model reads the bank. Each statement queries the frames of the ECG (one
    cross-attention), and pools them into a context of its own. The statement applies to the ECG with the
    logit: scale x cosine of the statement and its context, plus the statement's log odds, which are a linear
    function of its vector. With an encoder that has beats, a statement also queries the typical beat
    (`melp.nn.beat_resnet`). Several members, each a network of its own, answer by their mean. An answer is a
    probability, for statements that no report contains too. A report of the model has the statements of the
    bank that are probable enough (`melp.reports.write`).

    In words: loss = binary cross entropy of all statements of the bank, summed over the statements and
    averaged over the ECGs and the members; the targets are the statements that the ECG's report makes or
    implies.

    Paper: none; it is first described here. The pairwise sigmoid is that of Zhai et al., Sigmoid Loss for
    Language Image Pre-Training, ICCV 2023; a statement that pools the ECG is from GLoRIA (Huang et al., ICCV
    2021) and MELP.

    Differences: none, as there is no publication. Unlike the contrasts of MELP and MERL, two ECGs of a batch
    with the same finding are not pushed apart, the number of negatives does not depend on the batch, and rare
    statements are asked at every step.
    """

    paper: ClassVar[str] = "first described here"
    needs: ClassVar[tuple[str, ...]] = ("ecg", "text", "bank")
    Config: ClassVar[type] = QUESTConfig
    least_batch: ClassVar[int] = 1
    similarity: ClassVar[str] = "answers"
    config: QUESTConfig

    @classmethod
    def new_bank(cls, config: QUESTConfig, reports: Iterable[Sequence[str]]) -> StatementBank:
        """Return the bank of the training reports."""
        implied = implied_statements if config.implied else None
        return StatementBank.of_reports(reports, implied, config.bank_size)

    def __init__(self, config: QUESTConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.reports, self.text = text_of(config, inputs)
        width = self.text.dim
        members = config.members
        askers = [Asker(self.encoder.dim // members, width, config.dim, config.heads) for _ in range(members)]
        self.askers = cast("Sequence[Asker]", nn.ModuleList(askers))
        self.text.projection.requires_grad_(False)
        self.text.bert.requires_grad_(config.text_trained)
        self._bank: tuple[tuple[int, torch.device], Tensor] | None = None
        self._statements: Tensor | None = None
        self.train(self.training)

    @staticmethod
    def new_encoder(config: QUESTConfig, inputs: Inputs) -> Encoder:
        """Build the untrained encoder; with several members, one of each."""
        members = [Method.new_encoder(config, inputs) for _ in range(config.members)]
        return Ensemble(members) if config.members > 1 else members[0]

    def renamed(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a model that was saved before there could be several members."""
        names = {
            name: f"askers.0.{name.replace('frame_norm', 'memory_norm')}"
            for name in weights
            if name.startswith(_BEFORE_MEMBERS)
        }
        return {names.get(name, name): weight for name, weight in weights.items()}

    def begin(self, bank: Bank) -> None:
        """Begin the log odds of statements at those of the training reports."""
        states = self._bank_states(bank)
        for asker in self.askers:
            asker.begin(states, bank["log_odds"])

    def train(self, mode: bool = True) -> QUEST:
        """Set the mode; a language model that is not trained has no dropout."""
        super().train(mode)
        self.text.train(mode and self.config.text_trained)
        return self

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the loss."""
        ecg = self._augment(batch) if self.training else batch["ecg"]
        logits = self._logits(self.encoder.stages(ecg), self._bank_states(batch["bank"]))
        stated = batch["stated"].to(logits.dtype).expand_as(logits)
        errors = F.binary_cross_entropy_with_logits(logits, stated, reduction="none")
        return {"loss": share_of_mean(errors.sum(2).mean(0))}

    def _augment(self, batch: Batch) -> Float[Tensor, "batch lead time"]:
        keys = batch["key"]
        ecg = mask_leads(batch["ecg"], keys, self.config.lead_masking)
        ecg = shift_time(ecg, keys, self.config.shift)
        return scale_amplitude(ecg, keys, deviation=self.config.scaling)

    def _bank_states(self, bank: Bank) -> Float[Tensor, "statement text_dim"]:
        """Return the language model's vectors of the bank; if it is not trained, it reads the bank once."""
        if self.config.text_trained:
            return self.text(bank["tokens"], bank["sentence"]).statements[:, 0]
        key = bank["number"], bank["tokens"].device
        if self._bank is None or self._bank[0] != key:
            with torch.no_grad():
                states = self.text(bank["tokens"], bank["sentence"]).statements[:, 0]
            self._bank = key, states
        return self._bank[1]

    def _memories(
        self, stages: Sequence[Float[Tensor, "batch channel place"]]
    ) -> tuple[Float[Tensor, "batch place dim"], ...]:
        """Return what the encoder of each member has read."""
        return self.encoder.memory(stages).chunk(len(self.askers), dim=-1)

    def _logits(
        self, stages: Sequence[Float[Tensor, "batch channel place"]], states: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "member batch text"]:
        pairs = zip(self.askers, self._memories(stages), strict=True)
        return torch.stack([asker(memory, states) for asker, memory in pairs])

    def embed_statements(self, texts: Sequence[str]) -> Float[Tensor, "text text_dim"]:
        """Return statement vectors, which `answers` and `attention` compare with ECGs."""
        return read_texts(self.text, self.reports, texts).statements[:, 0]

    def answers(
        self, ecg: Float[Tensor, "batch lead time"], statements: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "batch text"]:
        """Return the logit of each statement for each ECG: the log odds that a report would make it."""
        return self._logits(self.encoder.stages(ecg), statements).mean(0)

    def log_odds(self, statements: Float[Tensor, "text text_dim"]) -> Float[Tensor, " text"]:
        """Return the log odds of each statement before an ECG is read; `answers` contains them."""
        return torch.stack([asker.prior(statements) for asker in self.askers]).mean(0)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings that a probe reads (option `probe`)."""
        if self.config.probe != "answers":
            return super().embed(ecg)
        stages, states = self.encoder.stages(ecg), self._own_statements(ecg.device)
        pairs = zip(self.askers, self._memories(stages), strict=True)
        cosines = torch.stack([asker.cosines(memory, states) for asker, memory in pairs]).mean(0)
        return torch.cat([*(stage.mean(-1) for stage in stages), cosines], dim=1)

    @torch.no_grad()
    def _own_statements(self, device: torch.device) -> Float[Tensor, "statement text_dim"]:
        """Return the vectors of the bank that the model was trained with."""
        if not self.inputs.statements:
            raise MelpError("bank: no statements found in config.json, wanted a model trained by this melp")
        if self._statements is None or self._statements.device != device:
            self._statements = self.embed_statements(self.inputs.statements)
        return self._statements

    def attention(
        self, ecg: Float[Tensor, "batch lead time"], statements: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "batch frame text"]:
        """Return the attention of each statement over the frames of each ECG; it sums to 1."""
        pairs = zip(self.askers, self._memories(self.encoder.stages(ecg)), strict=True)
        weights = torch.stack([asker.weights(memory, statements) for asker, memory in pairs]).mean(0)
        return self.encoder.over_frames(ecg, weights)

    @torch.inference_mode()
    def generate(self, ecg: Float[Tensor, "batch lead time"], beams: int = 1) -> list[str]:
        """Return a report for each ECG: the statements of the bank that apply (`melp.reports.write`).

        Args:
            ecg: preprocessed ECGs.
            beams: 1, as the report is not written word by word.

        Raises:
            MelpError: another number of beams, or the model was trained before banks were saved.
        """
        if beams != 1:
            raise MelpError(f"beams: found {beams}, wanted 1, because QUEST does not write word by word")
        probabilities = self.answers(ecg, self._own_statements(ecg.device)).sigmoid().tolist()
        return [join_statements(compose_report(self.inputs.statements, row)) for row in probabilities]
