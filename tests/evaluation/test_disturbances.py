"""Disturbed recordings: which leads stay, how strong the noise is, and that a record always has the same."""

from __future__ import annotations

import numpy as np
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.disturbances import DISTURBANCES, Disturbance, disturb, get_disturbances
from melp.evaluation.embed import embed_rows
from melp.hub import Model
from melp.leads import LEADS

ROWS = np.array([3, 0, 17, 5])


def _changed(store: Store, name: str, rows: np.ndarray = ROWS, seed: int = 0) -> np.ndarray:
    return disturb(store, DISTURBANCES[name], seed)(store.signals(rows), rows)


@pytest.mark.parametrize(
    ("name", "leads"),
    [("limb", LEADS[:6]), ("I+II", ("I", "II")), ("I", ("I",)), ("V5", ("V5",)), ("12", LEADS)],
)
def test_the_other_leads_are_0(store: Store, name: str, leads: tuple[str, ...]) -> None:
    changed, clean = _changed(store, name), store.signals(ROWS) / np.float32(1000)
    for place, lead in enumerate(LEADS):
        np.testing.assert_array_equal(changed[:, place], clean[:, place] * (lead in leads))


def test_an_undisturbed_recording_has_the_same_embedding(model: Model, store: Store) -> None:
    change = disturb(store, DISTURBANCES["12"])
    plain, same = embed_rows(model, store, ROWS), embed_rows(model, store, ROWS, change=change)
    np.testing.assert_array_equal(plain, same)
    absent = embed_rows(model, store, ROWS, change=disturb(store, DISTURBANCES["I"]))
    np.testing.assert_array_equal(absent[:, 0], plain[:, 0])
    assert not absent[:, 1:].any()


def test_white_noise_has_its_deviation_in_mv_and_wander_keeps_the_identities(store: Store) -> None:
    rows, clean = np.arange(60), store.signals(np.arange(60)) / 1000
    noise = _changed(store, "noise-0.1", rows) - clean
    assert noise.std() == pytest.approx(0.1, rel=0.02) and abs(noise.mean()) < 0.002
    assert abs(np.corrcoef(noise[0, :2])[0, 1]) < 0.3
    wander = _changed(store, "wander-0.5", rows) - clean
    np.testing.assert_allclose(wander[:, 0] + wander[:, 2], wander[:, 1], atol=1e-5)
    assert 0.05 < np.abs(wander).max() <= 1


def test_noise_depends_on_the_record_and_the_seed_only(store: Store) -> None:
    alone = np.concatenate([_changed(store, "noise-0.2", ROWS[place : place + 1]) for place in range(4)])
    np.testing.assert_array_equal(alone, _changed(store, "noise-0.2"))
    clean = store.signals(ROWS) / 1000
    assert not np.allclose(_changed(store, "noise-0.2") - clean, _changed(store, "noise-0.2", seed=1) - clean)
    noise = alone - clean
    assert not np.allclose(noise[0], noise[1])


def test_padding_gets_no_noise(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.full(len(store), 60)
    column = store.column
    monkeypatch.setattr(store, "column", lambda name: lengths if name == "length" else column(name))
    noise = disturb(store, Disturbance(noise=0.1, wander=0.5))(store.signals(ROWS), ROWS)
    noise -= store.signals(ROWS) / np.float32(1000)
    assert noise[..., :60].all() and not noise[..., 60:].any()


def test_unknown_conditions_are_refused() -> None:
    assert list(get_disturbances(["I", "12"])) == ["I", "12"] and get_disturbances([]) == DISTURBANCES
    with pytest.raises(MelpError, match="conditions: found 'V9', wanted one of 12, limb"):
        get_disturbances(["12", "V9"])
