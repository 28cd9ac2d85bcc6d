"""What a recording shows of itself."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from melp.ecg import ECG
from melp.plots.ecg_paper import plot_ecg

ECG_12 = ECG(np.sin(np.arange(1000) / 9) * np.ones((12, 1)), 100, meta={"name": "Jane Doe"})


def png(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("L"))


def test_a_recording_is_a_line_of_text_and_a_small_picture() -> None:
    assert repr(ECG_12) == "ECG(I II III aVR aVL aVF V1 V2 V3 V4 V5 V6; 100 Hz, 10 s)"
    shown = ECG_12._repr_html_()
    assert f'alt="{ECG_12!r}"' in shown and "Jane Doe" not in shown and len(shown) < 300_000
    picture = png(base64.b64decode(re.search('base64,(.*?)"', shown)[1]))
    assert np.array_equal(picture, png(plot_ecg(ECG_12, paper=None)._repr_png_()))
    assert (picture < 60).mean() > 0.005, "ink"


def test_any_recording_shows_itself() -> None:
    assert ECG(np.zeros((12, 0)), 100)._repr_html_() is None
    odd = ECG(np.full((2, 50), np.nan), 1, ("<b>", "x"))
    assert 'alt="ECG(&lt;b&gt; x; 1 Hz, 50 s)"' in odd._repr_html_()
