"""An ensemble against its members one by one."""

from __future__ import annotations

import torch

from melp.nn import build_encoder
from melp.nn.ensemble import Ensemble


@torch.no_grad()
def test_outputs_are_those_of_the_members_side_by_side() -> None:
    torch.manual_seed(0)
    members = [build_encoder("beat_resnet_narrow", leads=3).eval() for _ in range(2)]
    ensemble, ecg = Ensemble(members), torch.randn(2, 3, 400)
    assert ensemble.dim == 2 * members[0].dim and ensemble.frame_count(400) == members[0].frame_count(400)
    memories = ensemble.memory(ensemble.stages(ecg)).chunk(2, dim=-1)
    for place, member in enumerate(members):
        torch.testing.assert_close(memories[place], member.memory(member.stages(ecg)))
        torch.testing.assert_close(ensemble(ecg).chunk(2, -1)[place], member(ecg))
        torch.testing.assert_close(ensemble.embed(ecg).chunk(2, -1)[place], member.embed(ecg))
        for stage, wanted in zip(ensemble.stages(ecg), member.stages(ecg), strict=True):
            torch.testing.assert_close(stage.chunk(2, 1)[place], wanted)
    assert not torch.allclose(memories[0], memories[1])
