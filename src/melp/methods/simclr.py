"""SimCLR: two views of a recording are contrasted with the views of all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from melp.errors import check_ranges
from melp.losses.gather import gather
from melp.losses.nt_xent import nt_xent
from melp.methods._base import Batch, Inputs, Method
from melp.methods._views import ViewsConfig, two_views
from melp.nn.heads import mlp


@dataclass(frozen=True)
class SimCLRConfig(ViewsConfig):
    """Options of SimCLR (A: the paper; E: its use on ECGs)."""

    hidden: int = 512
    """Hidden width of the projection head: the width of the encoder (A, section 2.1)."""
    dim: int = 128
    """Width of the projected views (A, section 2.1)."""
    temperature: float = 0.1
    """Temperature of the cosines (A, table 5; E, fairseq-signals)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("method", self, {}, above=("hidden", "dim", "temperature"))


class SimCLR(Method):
    """Pulls two views of a recording together and pushes the views of other recordings away.

    Two random augmentations of each recording pass the encoder and a small projection head. Each view is
    classified among all other views of the batch by cosine; the target is the other view of the same
    recording (`nt_xent`). So the encoder keeps what the views of a recording share and other recordings lack.
    The head discards the rest; a probe reads the encoder, before the head.

    In words: loss = mean over views of -log softmax over all other views of (cosine / temperature), at the
    partner.

    Paper: Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual
    Representations", ICML 2020. On ECGs: Mehari and Strodthoff 2022.

    Differences:
        * Views are random resized crops with time-out (Mehari and Strodthoff 2022); the paper augments
          images, and MERL and MELP do not state their augmentations.
        * Negatives come from the batch of all processes, as in the paper. AdamW instead of LARS.
    """

    paper: ClassVar[str] = "Chen et al., A Simple Framework for Contrastive Learning, ICML 2020"
    needs: ClassVar[tuple[str, ...]] = ("ecg",)
    Config: ClassVar[type] = SimCLRConfig
    config: SimCLRConfig

    def __init__(self, config: SimCLRConfig, inputs: Inputs) -> None:
        super().__init__(config, inputs)
        self.projector = mlp((self.encoder.dim, config.hidden, config.dim), norm=False)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return NT-Xent of the two views."""
        first, second = (
            gather(self.projector(self.encoder.embed(view)))
            for view in two_views(batch, self.config, self.inputs)
        )
        return {"loss": nt_xent(first, second, self.config.temperature)}
