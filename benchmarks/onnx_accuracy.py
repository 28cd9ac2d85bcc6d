"""Exported files against torch on real ECGs: largest difference, and macro AUROC by prompts.

    python benchmarks/onnx_accuracy.py --model RUN --data STORE [--out benchmarks/results/onnx_accuracy.md]

The records are those of fold 9 of the store that have a class of `ptbxl-super`.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from _common import parser, publish
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.evaluation.embed import rows_of
from melp.evaluation.export import calibration_records, export_onnx, export_prompts
from melp.evaluation.zero_shot import prompt_scores, text_embeddings
from melp.hub import load
from melp.hub.export.to_onnx import outputs
from melp.tasks import get_task

TASK, FOLD, BATCH = "ptbxl-super", 9, 64


def main() -> None:
    """Export the model in three ways and write a table."""
    options = parser(__doc__ or "", model=Path, data=Path, out=None).parse_args()
    model, store, prompts = load(options.model), Store(options.data), export_prompts(TASK, [])
    assert prompts is not None
    labels = get_task(TASK).labels(store.index[store.column("fold") == FOLD])
    scores = {
        "torch": prompt_scores(model, text_embeddings(model, store, labels.index), prompts, refuse=False)
    }
    signals = store.signals(rows_of(store, labels.index)) / np.float32(1000)
    calibration = calibration_records(store, store.rate)
    with TemporaryDirectory() as folder:
        for name, int8 in (("ONNX", "none"), ("int8, dynamic", "dynamic"), ("int8, static", "static")):
            file = Path(folder) / f"{int8}.onnx"
            export_onnx(
                model, file, prompts, refuse=False, rate=store.rate, int8=int8, calibration=calibration
            )
            parts = [
                outputs(file, signals[first : first + BATCH])["similarity"]
                for first in range(0, len(signals), BATCH)
            ]
            scores[name] = pd.DataFrame(np.concatenate(parts), labels.index, scores["torch"].columns)
    rows = [
        f"| {name} | {np.abs(table - scores['torch']).to_numpy().max():.1e} "
        f"| {roc_auc_score(labels, table[labels.columns]):.4f} |"
        for name, table in scores.items()
    ]
    publish(
        options.out,
        f"{len(labels)} ECGs of PTB-XL, fold {FOLD}, task `{TASK}` by prompts, recipe melp/laptop.",
        "\n".join(["| way | largest difference of a similarity | macro AUROC |", "|---|---|---|", *rows]),
    )


if __name__ == "__main__":
    main()
