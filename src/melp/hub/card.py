"""The model card of a model folder."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from melp.methods._base import Method


def model_card(method: type[Method], config: Mapping[str, Any]) -> str:
    """Markdown: what the model is, how it was made, how to use it, what it is not."""
    preprocessing = config["preprocessing"]
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

Input: {len(preprocessing["leads"])} leads at {preprocessing["rate"]:g} Hz for {preprocessing["seconds"]:g} s,
filter {preprocessing["filter"]}, scaling {preprocessing["scaling"]}; `melp` applies this by itself.

```python
import melp

model = melp.load("FOLDER")
embedding = model.embed(melp.read("RECORD.hea"))
```

| option | value |
|---|---|
{rows}

For research. Not a medical device: no answer of this model about a person is a diagnosis.
"""
