"""What stage 1 is trained on, from stores and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from melp.data.store import Store
from melp.errors import MelpError
from melp.text.sources import Text, Texts, each_report, read_texts
from melp.training.config import DataConfig

_EVERY = 50  # of the texts of a file without folds, one in so many is held out


def reports_of(store: Store, folds: Sequence[int]) -> Texts:
    """Statements of a store's reports in these folds, with those of reports whose recording is missing."""
    return Texts.of(text for _, _, text in each_report(store, folds))


def texts_of(sources: Sequence[str | Path], data: DataConfig) -> tuple[Texts, Texts]:
    """Training and validation texts of stores and of files.

    They are divided by fold; of a file without folds every fiftieth text is for validation.

    Args:
        sources: stores, `.txt` and `.parquet` files.
        data: the folds.

    Raises:
        MelpError: a source cannot be read, or there is no text in them.
    """
    train = Texts.of(_part(sources, data.train_folds, held_out=False))
    validation = Texts.of(_part(sources, data.validation_folds, held_out=True))
    if not train:
        raise MelpError(f"{', '.join(map(str, sources))}: no texts found to train on")
    return train, validation


def _part(sources: Sequence[str | Path], folds: Sequence[int], held_out: bool) -> Iterator[Text]:
    for source in sources:
        if str(source).endswith((".txt", ".parquet")):
            for number, (text, fold) in enumerate(read_texts(Path(source))):
                if fold in folds or (fold is None and (number % _EVERY == 0) == held_out):
                    yield text
        else:
            yield from (text for _, _, text in each_report(Store(source), folds))
