"""Which heartbeats and leads of a recording a sentence depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from melp.answers.batches import Inputs, read_one
from melp.answers.sources import Reading, Recordings
from melp.augment.leads import fill_value
from melp.disclaimer import DISCLAIMER
from melp.ecg import ECG
from melp.evaluation.embed import require
from melp.evaluation.scorers import label_scorer
from melp.hub import Model
from melp.plots.attention import statement_relevance
from melp.signal.r_peaks import find_r_peaks

if TYPE_CHECKING:
    from melp.plots.figures import Picture

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the score of a sentence for a recording depends on.

    Attributes:
        ecg: the recording.
        sentence: the sentence.
        score: their cosine; for a method that answers, the log odds of the sentence.
        trace: attention of the sentence over time: `seconds` (the middle of a frame) and `weight` (sum 1).
        beats: the same by heartbeat: `seconds` of the R wave and `weight` of the time that is nearest to it.
        leads: how much the score falls without each lead (its baseline in its place): `lead`, `change`.
        note: what the numbers are, and that they are not a medical device's.
    """

    ecg: ECG
    sentence: str
    score: float
    trace: pd.DataFrame
    beats: pd.DataFrame
    leads: pd.DataFrame
    note: str

    def __repr__(self) -> str:
        best = self.leads.sort_values("change", ascending=False)["lead"].head(3)
        return (
            f"Explanation({self.sentence!r}, score {self.score:.3f}, {len(self.beats)} beats; "
            f"it depends most on lead {', '.join(best)}). {DISCLAIMER}"
        )

    def _repr_png_(self) -> bytes:
        return self.plot()._repr_png_()

    @property
    def table(self) -> pd.DataFrame:
        """Beats and leads in one table: part, place, value."""
        beats = pd.DataFrame({"part": "beat", "place": self.beats["seconds"].map("{:.2f} s".format)})
        leads = pd.DataFrame({"part": "lead", "place": self.leads["lead"]})
        both = pd.concat([beats.assign(value=self.beats["weight"]), leads.assign(value=self.leads["change"])])
        both.attrs = {"note": self.note, "failed": {}}
        return both.reset_index(drop=True)

    def plot(self) -> Picture:
        """Return the recording on ECG paper, shaded where the sentence looks."""
        from melp.plots.ecg_attention import plot_attention

        seconds, weight = (self.trace[name].to_numpy() for name in ("seconds", "weight"))
        return plot_attention(self.ecg, seconds, weight, self.sentence)


def explain(model: Model, x: Recordings, sentence: str, reading: Reading) -> Explanation:
    """Return the weights of the beats and leads of one recording; see `melp.Model.explain`."""
    answers = hasattr(model.method, "attention")
    if not answers:
        require(model, "beat_vectors")
    scorer = label_scorer(model, [sentence])
    ecg, inputs = read_one(model, x, reading)
    with torch.inference_mode():
        over_frames = (
            model.method.attention(inputs, model.method.embed_statements(scorer.statements))[0, :, 0]
            if answers
            else statement_relevance(model.method, inputs[0], scorer.statements)[0]
        )
        weights = over_frames.float().cpu().numpy()
        score = float(scorer.score(inputs)[0, 0])
        without = scorer.score(_without_each_lead(inputs))[:, 0]
    width = model.preprocessing.seconds / len(weights)
    seconds = (np.arange(len(weights)) + 0.5) * width
    peaks, count = find_r_peaks(inputs, model.preprocessing.rate)
    beats = peaks[0, : int(count[0])].cpu().numpy() / model.preprocessing.rate
    return Explanation(
        ecg,
        sentence,
        score,
        pd.DataFrame({"seconds": seconds, "weight": weights}),
        pd.DataFrame({"seconds": beats, "weight": _by_beat(seconds, weights, beats)}),
        pd.DataFrame({"lead": list(model.preprocessing.leads), "change": score - without}),
        "Weights of beats are attention, changes of leads are of the score: no causes. " + DISCLAIMER,
    )


def _without_each_lead(inputs: Inputs) -> Inputs:
    """Return copies of one preprocessed ECG; in copy i, lead i is its baseline."""
    count = inputs.shape[1]
    copies = inputs.repeat(count, 1, 1)
    places = torch.arange(count, device=inputs.device)
    copies[places, places] = fill_value(inputs, "isoelectric")[0]
    return copies


def _by_beat(
    seconds: Float[np.ndarray, " frame"],
    weights: Float[np.ndarray, " frame"],
    beats: Float[np.ndarray, " beat"],
) -> Float[np.ndarray, " beat"]:
    """Return the sum of the weights that are nearest to each beat."""
    if not len(beats):
        return np.zeros(0)
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, seconds)
    return np.bincount(nearest, weights, minlength=len(beats))
