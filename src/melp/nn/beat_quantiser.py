"""HeartLang's quantiser: encodes each beat as an entry of a codebook and decodes it."""

from __future__ import annotations

from dataclasses import replace

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.nn.codebook import Codebook
from melp.nn.heads import mlp
from melp.nn.heartlang import HeartLangConfig, HeartLangEncoder, SentenceTransformer
from melp.signal.precision import at_least_single
from melp.signal.sentences import BEAT_SAMPLES, Sentences


class BeatQuantiser(nn.Module):
    """Encoder, codebook and decoder of beats (VQ-HBR, Jin et al. 2025).

    Args:
        sizes: of the encoder; those of the decoder except for its layers.
        decoder_layers: transformer layers of the decoder.
        codebook: the codebook.
        code_dim: width of its codes.
    """

    def __init__(
        self, sizes: HeartLangConfig, decoder_layers: int, codebook: Codebook, code_dim: int
    ) -> None:
        super().__init__()
        self.encoder = HeartLangEncoder(sizes)
        self.to_code = mlp((sizes.dim, sizes.dim, code_dim), norm=False, activation=nn.Tanh)
        self.codebook = codebook
        self.from_code = nn.Linear(code_dim, sizes.dim)
        self.decoder = SentenceTransformer(replace(sizes, layers=decoder_layers))
        self.to_beat = mlp((sizes.dim, sizes.dim, BEAT_SAMPLES), norm=False, activation=nn.Tanh)

    def vectors(self, sentences: Sentences) -> Float[Tensor, "batch slot code_dim"]:
        """Return a unit vector for each beat, to be quantised; vectors of empty slots are undefined."""
        embedded = self.encoder.embed_beats(sentences.beats)
        words = self.encoder.contextualise(embedded, sentences)[1]
        return F.normalize(at_least_single(self.to_code(words)), dim=-1)

    def decode(
        self, vectors: Float[Tensor, "batch slot code_dim"], sentences: Sentences
    ) -> Float[Tensor, "batch slot sample"]:
        """Decode beats from their codes, leads and seconds."""
        words = self.decoder.contextualise(self.from_code(vectors), sentences)[1]
        beats: Tensor = self.to_beat(words)
        return beats
