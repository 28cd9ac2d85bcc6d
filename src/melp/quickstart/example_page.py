"""One test ECG of the page: paper, statements, written report, classes."""

from __future__ import annotations

from html import escape

import numpy as np

from melp.plots.attention import shading
from melp.plots.ecg_paper import ecg_paper
from melp.quickstart.examples import Example, Ranked

__all__ = ["example_html"]

_LEAST_COSINE = 0.0


def example_html(example: Example, number: int) -> str:
    """An `<article>`; `number` makes its names unique in the page."""
    name = f"ecg{number}"
    layers = [] if example.relevance is None else list(shading(example.relevance))
    label = f"12-lead ECG of record {example.id}"
    paper = ecg_paper(example.ecg, layers, name=name, label=label)
    return (
        f"<article><header><h3>Record {escape(example.id)}</h3>"
        f"<span>{escape(_person(example))}</span></header>"
        f'<div class="paper">{paper}</div><p class="note swipe">Swipe the paper sideways to see all 10 s.</p>'
        f'<div class="said"><div><h4>True report</h4>{_statements(example, name)}</div>'
        f"<div><h4>Written by the model</h4>{_written(example)}</div>"
        f"<div><h4>Nearest classes, zero-shot</h4>{''.join(map(_class, example.ranking))}"
        f"{_missed(example)}</div>"
        "</div></article>"
    )


def _person(example: Example) -> str:
    meta = example.ecg.meta
    age = meta.get("age")
    words = [f"{age:.0f} years" if age is not None and np.isfinite(age) else "", str(meta.get("sex") or "")]
    return ", ".join(word for word in words if word)


def _statements(example: Example, name: str) -> str:
    if example.relevance is None:
        return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in example.statements)}</ul>"
    peaks = example.relevance.max(axis=1) * example.relevance.shape[1]
    first = int(np.argmax(peaks)) if len(peaks) else 0
    return "".join(
        f'<label><input type="radio" name="{name}" class="pick-{place}"'
        f"{' checked' if place == first else ''}>"
        f"<span>{escape(text)}</span>"
        f'<em title="highest attention, in shares of an even spread">{peak:.1f} ×</em></label>'
        for place, (text, peak) in enumerate(zip(example.statements, peaks, strict=True))
    )


def _written(example: Example) -> str:
    statements = [text.strip() for text in example.generated.rstrip(".").split(". ") if text.strip()]
    said = set(example.statements)
    items = "".join(
        f"<li>{f'<b>{escape(text)}</b>' if text in said else escape(text)}</li>" for text in statements
    )
    return (
        f'<ul>{items or "<li>nothing</li>"}</ul><p class="note">Bold: word for word in the true report.</p>'
    )


def _class(ranked: Ranked) -> str:
    share = 100 * max(ranked.score - _LEAST_COSINE, 0) / (1 - _LEAST_COSINE)
    colour, text = (
        ("#1d6fb8", f"<b>{escape(ranked.wording)} ✓</b>")
        if ranked.true
        else ("#aab4be", escape(ranked.wording))
    )
    return (
        f'<div class="rank"><div>{text}</div><span title="cosine; share of test ECGs that have a lower one">'
        f"{ranked.score:.2f} · above {100 * ranked.above:.0f} %</span>"
        f'<i style="--bar:{colour};--share:{share:.0f}%"></i></div>'
    )


def _missed(example: Example) -> str:
    named = {ranked.wording for ranked in example.ranking}
    missed = [wording for wording in example.findings if wording not in named]
    others = f"True, but not among these: {escape(', '.join(missed))}. " if missed else ""
    return f'<p class="note" style="margin:8px 0 0">✓ true. {others}Cosine, no probability.</p>'
