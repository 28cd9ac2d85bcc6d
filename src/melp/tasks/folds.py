"""The folds of every corpus: 1 to 8 for training, 9 for validation, 10 for tests."""

from __future__ import annotations

from melp.errors import MelpError

TRAIN_FOLDS = (1, 2, 3, 4, 5, 6, 7, 8)
VALIDATION_FOLD = 9
TEST_FOLD = 10
FOLDS = 10


def parse_folds(text: str) -> tuple[int, ...]:
    """Parse a list of folds with ranges: `"1-3,9"` gives (1, 2, 3, 9).

    Raises:
        MelpError: the text is not such a list.
    """
    folds: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()) or part.strip().endswith("-"):
            raise MelpError(f"folds: found {text!r}, wanted a list such as 9,10 or 1-8")
        folds.extend(range(int(first), int(last or first) + 1))
    if not folds:
        raise MelpError(f"folds: found {text!r}, which names none")
    return tuple(dict.fromkeys(folds))
