"""The model card of a model folder."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from melp.methods._base import Method

_NOTE = "For research. Not a medical device: no answer of this model about a person is a diagnosis."


def model_card(method: type[Method], config: Mapping[str, Any]) -> str:
    """Return Markdown that describes the model, its training and its use."""
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

| option | value |
|---|---|
{rows}

{_NOTE}
"""


def classifier_card(config: Mapping[str, Any]) -> str:
    """Return the model card of a classifier trained with labels."""
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
melp classify FOLDER RECORD.hea
```

{_NOTE}
"""


def _input(preprocessing: Mapping[str, Any]) -> str:
    leads, rate, seconds = len(preprocessing["leads"]), preprocessing["rate"], preprocessing["seconds"]
    return (
        f"Input: {leads} leads at {rate:g} Hz for {seconds:g} s,\nfilter {preprocessing['filter']}, "
        f"scaling {preprocessing['scaling']}; `melp` applies this preprocessing."
    )
