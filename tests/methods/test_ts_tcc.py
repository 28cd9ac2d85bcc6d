"""TS-TCC: contexts depend on earlier frames only, and predict later frames of the other view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from melp.augment import AUGMENTATIONS, make_view
from melp.augment.random import combine, uniform
from melp.augment.streams import Stream
from melp.errors import MelpError
from melp.losses.nt_xent import nt_xent
from small_methods import Workshop


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


@torch.no_grad()
def test_a_context_does_not_depend_on_later_frames(workshop: Workshop) -> None:
    method: Any = workshop.method("ts_tcc").eval()
    torch.manual_seed(0)
    frames = torch.randn(5, 12, method.encoder.dim)
    last = torch.tensor([0, 3, 5, 9, 11])
    context = method._context(frames, last)
    for row, moment in enumerate(last.tolist()):
        alone = method._context(frames[row : row + 1, : moment + 1], last[row : row + 1])
        torch.testing.assert_close(context[row], alone[0])
        changed = frames.clone()
        changed[row, moment] += 1
        assert not torch.allclose(method._context(changed, last)[row], context[row])


@torch.no_grad()
def test_loss_matches_the_docstring(workshop: Workshop) -> None:
    method: Any = workshop.method("ts_tcc").eval()
    batch = workshop.batch("ts_tcc")
    result = method(batch)
    views = [
        make_view(batch["ecg"], batch["key"], AUGMENTATIONS[f"ts_tcc_{strength}"], 100, stream)
        for stream, strength in enumerate(("weak", "strong"))
    ]
    frames = [F.normalize(method.encoder(view), dim=2) for view in views]
    count = frames[0].shape[1]
    assert method.ahead == round(0.2 * count)
    last = (uniform(combine(batch["key"], 2), stream=Stream.TS_TCC_FRAME) * (count - method.ahead)).long()
    assert len(set(last.tolist())) > 2 and int(last.max()) + method.ahead < count
    total, contexts = torch.zeros(()), []
    for view in (0, 1):
        context = method._context(frames[view], last)
        contexts.append(method.projector(context))
        width = method.encoder.dim
        for place in range(method.ahead):
            weight = method.predictor.weight[place * width : (place + 1) * width]
            bias = method.predictor.bias[place * width : (place + 1) * width]
            predicted = context @ weight.t() + bias
            target = torch.stack(
                [row[int(moment) + 1 + place] for row, moment in zip(frames[1 - view], last, strict=True)]
            )
            total += F.cross_entropy(predicted @ target.t(), torch.arange(len(target))) / method.ahead
    torch.testing.assert_close(result["temporal"], total)
    torch.testing.assert_close(result["contextual"], nt_xent(*contexts, 0.2))
    torch.testing.assert_close(result["loss"], result["temporal"] + 0.7 * result["contextual"])


def test_all_frames_cannot_be_predicted(workshop: Workshop) -> None:
    with pytest.raises(MelpError, match=r"method\.horizon: 1\.0 found, wanted less"):
        workshop.method("ts_tcc", ("horizon=1.0",))


@torch.no_grad()
def test_context_embedding_of_the_whole_recording(workshop: Workshop) -> None:
    method: Any = workshop.method("ts_tcc", ("probe=context",)).eval()
    ecg = workshop.batch("ts_tcc")["ecg"]
    frames = F.normalize(method.encoder(ecg), dim=2)
    x = torch.cat([method.token.expand(len(ecg), 1, -1), method.embedding(frames)], dim=1)
    for layer in method.layers:
        x = layer(x)
    torch.testing.assert_close(method.embed(ecg), method.norm(x[:, 0]))
    with pytest.raises(MelpError, match="'beats' found, wanted one of frames, stages, context"):
        workshop.method("ts_tcc", ("probe=beats",))
