"""How a recording shows itself: as a line of text, and as a picture in a notebook."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from melp.ecg import ECG

__all__ = ["as_html", "as_text"]


def as_text(ecg: ECG) -> str:
    """Return the leads, rate and length of a recording."""
    return f"ECG({' '.join(ecg.leads)}; {ecg.rate:g} Hz, {ecg.seconds:.6g} s)"


def as_html(ecg: ECG) -> str | None:
    """Return the recording on ECG paper as an image of a page; None if there is nothing to draw."""
    if not ecg.leads or not ecg.seconds:
        return None
    from melp.plots.ecg_paper import plot_ecg

    image = base64.b64encode(plot_ecg(ecg, paper=None)._repr_png_()).decode()
    text = html.escape(as_text(ecg), quote=True)
    return f'<img alt="{text}" style="max-width: 100%" src="data:image/png;base64,{image}">'
