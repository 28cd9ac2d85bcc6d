"""A trained model: its weights, the preprocessing of its training, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.signal.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from melp.answers.explain import Explanation
    from melp.answers.sources import ReadingOptions, Recordings, Source

INSIDE = Path(__file__).parent / "mini"
"""The model that is part of the package."""

_ANSWERS = {
    "classify and search by text": "project_ecg",
    "answer, classify and search by text": "answers",
    "classify": "logits",
    "report": "generate",
    "explain": "beat_vectors",
    "explain sentences": "attention",
}


def find_inside() -> Path:
    """Return the folder of the model that is part of the package.

    Raises:
        MelpError: this installation has none.
    """
    if not INSIDE.is_dir():
        raise MelpError("model: none named, and this installation of melp has none inside; wanted a folder")
    return INSIDE


@dataclass(repr=False)
class Model:
    """A trained method in evaluation mode, with the preprocessing of its training.

    The methods that answer take recordings in any of these forms, or a list of them: a path, a folder (its
    files and those in its folders), a glob, an ECG of `melp.read`, a store or its folder, or an array or
    tensor [lead, time] or [record, lead, time] with `rate` and, for whole numbers, `unit`. Further arguments
    of all of them (see `melp.answers.sources.Reading`): `rate`, `leads`, `unit`, `fill_leads`, `folds`,
    `jobs`, `batch_size`, `skip` and `progress`. With `skip=True`, recordings that cannot be read are left
    out, and `attrs["failed"]` of the answer has the reasons. `attrs["note"]` says what the numbers mean. No
    answer is a medical device's.

    `about` is what tables show of it instead of what is known from its folder: name, recipe, seed.
    """

    method: Any
    preprocessing: Preprocessing
    config: dict[str, Any]
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the method."""
        return str(self.config["name"])

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next((parameter.device for parameter in self.method.parameters()), torch.device("cpu"))

    def __repr__(self) -> str:
        encoder = self.config.get("method", {}).get("encoder", "")
        size = sum(parameter.numel() for parameter in self.method.parameters()) / 1e6
        data = self.config.get("store") or {}
        trained = f"trained on {data['records']:,} records of {data['corpus']}" if "records" in data else ""
        hub = "{name} at revision {revision}".format(**self.config["hub"]) if "hub" in self.config else ""
        known = [hub, f"encoder {encoder}" if encoder else "", f"{size:.1f} M parameters", trained]
        answers = ", ".join(["embed", *(answer for answer, part in _ANSWERS.items() if self._can(part))])
        return f"Model({', '.join([self.name, *filter(None, known)])}; it can {answers})"

    def _can(self, part: str) -> bool:
        option = getattr(self.method, "requires_loss", {}).get(part)
        trained = not option or bool(getattr(self.method.config, option))
        return hasattr(self.method, part) and trained and not self.config.get("without_text")

    def to(self, device: str | torch.device) -> Model:
        """Move the weights to a device ("cpu", "cuda", "cuda:1", "auto") and return the model."""
        from melp.hub.folder import find_device

        self.method.to(find_device(device) if isinstance(device, str) else device)
        return self

    def inputs(
        self,
        signals: Int16[np.ndarray, "record lead time"] | Float[np.ndarray, "record lead time"] | ECG,
        rate: float = 0.0,
    ) -> Float[Tensor, "record model_lead samples"]:
        """Return the preprocessed input for an ECG, or for signals at `rate` Hz (int16 microvolts, or mV).

        It is computed on the device of the model.
        """
        if isinstance(signals, ECG):
            return self.preprocessing.from_ecg(signals, self.device)[None]
        return self.preprocessing(torch.from_numpy(signals).to(self.device), rate, LEADS)

    def classify(
        self,
        x: Recordings,
        labels: Sequence[str] | None = None,
        *,
        task: str | None = None,
        **reading: Unpack[ReadingOptions],
    ) -> pd.DataFrame:
        """Rank labels for each recording.

        Args:
            x: recordings (see `Model`).
            labels: findings in words, such as "atrial fibrillation". Abbreviations and labels in German or
                Swedish are read as training reports are ("RBBB" as "right bundle branch block"), and a line
                on stderr says so. Another line names words that training reports do not have.
            task: a name of `melp.list_tasks`, or a YAML file, in place of labels. Without both: the classes
                of a fine-tuned classifier, or the task that the model is calibrated for.
            reading: see `Model`.

        Returns:
            One row per recording and label: id, rank, label, score, measure and doubts. Classes of a task
            also have `finding`, the class in words. `measure` says what the score is: "similarity" (a
            cosine), "probability" (of a classifier or QUEST, not calibrated) or "calibrated probability" (see
            `melp calibrate`), with `threshold`: the probability from which the sum of sensitivity and
            specificity was greatest.

        Raises:
            MelpError: labels are refused, the model has no text, or a recording cannot be used.
        """
        from melp.answers.classify import classify
        from melp.answers.sources import Reading

        return classify(self, x, labels, task, Reading(**reading))

    def embed(
        self, x: Recordings, *, space: str = "features", **reading: Unpack[ReadingOptions]
    ) -> pd.DataFrame:
        """Return the embedding of each recording, one row each, indexed by id; `.to_numpy()` is an array.

        Args:
            x: recordings (see `Model`).
            space: "features" (the input of a linear probe) or "text" (unit vectors, comparable with text).
            reading: see `Model`.

        Raises:
            MelpError: an unknown space, no space shared with text, or a recording cannot be used.
        """
        from melp.answers.describe import embed
        from melp.answers.sources import Reading

        return embed(self, x, space, Reading(**reading))

    def report(self, x: Recordings, beams: int = 1, **reading: Unpack[ReadingOptions]) -> pd.DataFrame:
        """Generate a report for each recording.

        Args:
            x: recordings (see `Model`).
            beams: width of the beam search; 1 is greedy.
            reading: see `Model`.

        Returns:
            One row per recording: id, report and doubts.

        Raises:
            MelpError: the model writes no reports, or a recording cannot be used.
        """
        from melp.answers.describe import report
        from melp.answers.sources import Reading

        return report(self, x, beams, Reading(**reading))

    def explain(self, x: Recordings, sentence: str, **reading: Unpack[ReadingOptions]) -> Explanation:
        """Return which heartbeats and leads of one recording a sentence depends on; `.plot()` draws them.

        Args:
            x: one recording (see `Model`).
            sentence: a finding in words.
            reading: see `Model`.

        Raises:
            MelpError: the model does not align heartbeats, or the recording cannot be used.
        """
        from melp.answers.explain import explain
        from melp.answers.sources import Reading

        return explain(self, x, sentence, Reading(**reading))

    def search(
        self,
        query: Source,
        x: Recordings | pd.DataFrame,
        k: int = 10,
        *,
        space: str = "",
        **reading: Unpack[ReadingOptions],
    ) -> pd.DataFrame:
        """Find the recordings that are most similar to a text or to another recording.

        Args:
            query: a string is a text; a `Path`, an ECG or an array is a recording.
            x: recordings (see `Model`), or the result of `embed` in the same space, which saves time.
            k: number of recordings.
            space: as in `embed`; default: "text" if the model has it.
            reading: see `Model`.

        Returns:
            One row per recording: rank, id and score (a cosine; the probability of a text if the method gives
            one); of a store also what it knows of them.

        Raises:
            MelpError: the model has no text, the embeddings are of another space, or a recording cannot be
                used.
        """
        from melp.answers.search import search
        from melp.answers.sources import Reading

        space = space or ("text" if self._can("project_ecg") or isinstance(query, str) else "features")
        return search(self, query, x, k, space, Reading(**reading))

    def compare(
        self, x: Recordings, sentences: Sequence[str], **reading: Unpack[ReadingOptions]
    ) -> pd.DataFrame:
        """Return how the scores of sentences change over the recordings of one patient.

        Args:
            x: recordings in their order in time (see `Model`).
            sentences: findings in words.
            reading: see `Model`.

        Returns:
            One row per recording and sentence: number, id, sentence, score, change (from the first
            recording), measure (as in `classify`) and doubts.

        Raises:
            MelpError: a sentence is refused, the model has no text, or a recording cannot be used.
        """
        from melp.answers.classify import compare
        from melp.answers.sources import Reading

        return compare(self, x, sentences, Reading(**reading))

    @classmethod
    def from_pretrained(
        cls, name: str | Path, revision: str | None = None, device: str | torch.device = "cpu"
    ) -> Model:
        """Read a model folder, or a model of the hub; as `melp.load`."""
        from melp.hub.folder import load

        return load(name, device, revision)

    def save(self, folder: str | Path, scores: pd.DataFrame | None = None) -> None:
        """Write a model folder, with the scores (`melp.evaluation.cells.read_cells`) in its card."""
        from melp.hub.folder import write_model

        write_model(self, Path(folder), scores)

    def push_to_hub(
        self,
        name: str,
        private: bool = False,
        revision: str | None = None,
        scores: pd.DataFrame | None = None,
    ) -> str:
        """Upload the model to the Hugging Face Hub, without the list of its training records.

        Args:
            name: `user/name`; created if it does not exist.
            private: whether a new repository is private.
            revision: branch; the main branch if None.
            scores: as in `save`.

        Returns:
            The commit.

        Raises:
            MelpError: see `melp.hub.remote.push`.
        """
        from melp.hub.remote import push

        with TemporaryDirectory() as folder:
            self.save(folder, scores)
            return push(Path(folder), name, private, revision)
