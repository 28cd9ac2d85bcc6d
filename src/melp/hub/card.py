"""The model card of a model folder: what it is, what it was trained on, its scores, its limits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from melp.data.store import SIMULATED
from melp.methods._base import Method

if TYPE_CHECKING:
    import pandas as pd

LICENCES = {
    "ptb-xl": "CC BY 4.0",
    "cpsc2018": "CC BY 4.0",
    "csn": "CC BY 4.0",
    "code-15": "CC BY 4.0",
    "code-test": "CC BY 4.0",
    "mimic-iv-ecg": "ODbL 1.0",
}
"""Licences of the corpora."""
_CREDITS = {
    "ptb-xl": "PTB-XL: Wagner et al., Scientific Data 7, 154 (2020), doi:10.13026/kfzx-aw45, recordings "
    "resampled and reports translated",
}
"""What a licence asks to be named."""

_LIMITS = """## Limits

For research. Not a medical device: no answer of this model about a person is a diagnosis. It must not be used

* for diagnosis, triage, treatment or monitoring, or to reassure anyone;
* for fewer leads, other devices, populations or ages than those of its training, without an evaluation;
* for findings that its training reports do not name, or as a probability where it gives a similarity;
* to identify persons."""


def model_card(method: type[Method], config: Mapping[str, Any], scores: pd.DataFrame | None = None) -> str:
    """Return Markdown that describes the model, its training and its use; `scores` as in `_scores`."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in config["method"].items())
    corpus = (config.get("store") or {}).get("corpus", "unknown")
    summary = inspect.cleandoc(method.__doc__ or "").splitlines()[0]
    return f"""---
library_name: melp
tags: [ecg, {config["name"]}]
---

# {config["name"]}, pretrained on {corpus}

{summary}

Paper: {method.paper}. Made with melp {config["version"]}.

{_input(config["preprocessing"])}

```python
import melp

model = melp.load("FOLDER")
embedding = model.embed(melp.read("RECORD.hea"))
```

## Training

{_training(config)}

| option | value |
|---|---|
{rows}

{_scores(scores)}{_LIMITS}
"""


def classifier_card(config: Mapping[str, Any], scores: pd.DataFrame | None = None) -> str:
    """Return the model card of a classifier trained with labels; `scores` as in `_scores`."""
    initial = f"the weights of {config['pretrained']}" if config["pretrained"] else "random weights"
    return f"""---
library_name: melp
tags: [ecg, {config["name"]}]
---

# {config["name"]}: {config["task"]}

The encoder of {config["encoder_of"]} with a linear head, trained with labels from {initial}.
Classes (multi-label): {", ".join(config["classes"])}. Made with melp {config["version"]}.

{_input(config["preprocessing"])}

```
melp classify RECORD.hea --model FOLDER
```

{_scores(scores)}{_LIMITS}
"""


def _input(preprocessing: Mapping[str, Any]) -> str:
    leads, rate, seconds = len(preprocessing["leads"]), preprocessing["rate"], preprocessing["seconds"]
    return (
        f"Input: {leads} leads at {rate:g} Hz for {seconds:g} s,\nfilter {preprocessing['filter']}, "
        f"scaling {preprocessing['scaling']}; `melp` applies this preprocessing."
    )


def _training(config: Mapping[str, Any]) -> str:
    """Return what the model was trained on, as far as the config says."""
    store = config.get("store") or {}
    corpora = str(store.get("corpus", "unknown")).split(" + ")
    named = " and ".join(f"{corpus} ({_licence(corpus)})" for corpus in corpora)
    parts = [f"{'Corpus' if len(corpora) == 1 else 'Corpora'}: {named}"]
    if "records" in store:
        parts.append(f"{store['records']} records")
    if folds := (config.get("data") or {}).get("train_folds"):
        parts.append(f"folds {', '.join(map(str, folds))}")
    if published := config.get("published"):
        parts.append(f"converted from `{published['file']}` (SHA-256 {published['sha256']})")
    lines = ["; ".join(parts) + "."]
    lines += [f"{_CREDITS[corpus]}." for corpus in corpora if corpus in _CREDITS]
    for task, entry in config.get("calibration", {}).items():
        fold = ", ".join(map(str, entry["folds"]))
        lines.append(f"Calibrated for {task} on {entry['records']} records of fold {fold}.")
    return "\n".join(lines)


def _licence(corpus: str) -> str:
    if corpus.startswith(SIMULATED):
        return "by `melp simulate`"
    return f"licence: {LICENCES.get(corpus, 'that of your data')}"


def _scores(scores: pd.DataFrame | None) -> str:
    """Return a table of scores, or nothing if there are none.

    Args:
        scores: as `melp.evaluation.cells.read_cells` returns them; rows without a value are left out.
    """
    if scores is None or not scores["value"].notna().any():
        return ""
    lines = ["## Scores", "", "With 95 % intervals, where they can be computed.", ""]
    lines += ["| task | by | folds | metric | class | value | interval | records |", "|---" * 8 + "|"]
    for row in scores[scores["value"].notna()].to_dict("records"):
        interval = f"{row['lo']:.3f} to {row['hi']:.3f}" if row["lo"] == row["lo"] else "none"
        of = row["class"] if isinstance(row["class"], str) else "all"
        cells = (
            row["task"],
            row["kind"],
            row["folds"],
            row["metric"],
            of,
            f"{row['value']:.3f}",
            interval,
            row["n"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n\n"
