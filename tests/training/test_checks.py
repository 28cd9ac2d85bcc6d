"""Settings and records with which a method cannot learn are refused before the first step."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from melp.data.store import Store
from melp.errors import MelpError
from melp.methods import get_method, list_methods
from melp.training.config import TrainingConfig
from melp.training.fit import smallest_validation_batch
from melp.training.pretrain import pretrain
from small_methods import Workshop, tiny_recipe

TRAIN_FOLDS = range(1, 8)
LONE = {"st_mem", "heartlang", "quest"}
"""Methods that learn from one record; the others compare the records of a batch."""
PAIRS = ("clocs", "ecg_fm")
TEXT = [name for name in list_methods() if "text" in get_method(name).needs]
every_method = pytest.mark.parametrize("name", list_methods())


@pytest.fixture(autouse=True)
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop before the first step of any stage."""

    def fit(*_: object) -> None:
        raise AssertionError("a step was about to be done")

    monkeypatch.setattr("melp.training.pretrain.fit", fit)
    monkeypatch.setattr("melp.training.pretrain_text.fit", fit)


def refusal(name: str, store: Path, out: Path, options: Sequence[str] = ()) -> str:
    """Return the message of the refusal, which leaves nothing behind."""
    with pytest.raises(MelpError) as caught:
        pretrain(name, Store(store), tiny_recipe(name, options), out / "run", progress=False)
    assert not list(out.iterdir())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def accepted(name: str, store: Path, out: Path, options: Sequence[str] = ()) -> None:
    with pytest.raises(AssertionError, match="a step was about to be done"):
        pretrain(name, Store(store), tiny_recipe(name, options), out / "run", progress=False)


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def with_column(store: Path, out: Path, name: str, values: pa.Array) -> Path:
    """Return a copy of a store with another column in its index."""
    shutil.copytree(store, out)
    table = pq.read_table(out / "index.parquet")
    place = table.schema.get_field_index(name)
    pq.write_table(table.set_column(place, table.schema.field(place), values), out / "index.parquet")
    return out


@pytest.fixture
def without_reports(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    empty = pa.array([[]] * len(Store(synthetic_store)), pa.list_(pa.string()))
    return with_column(synthetic_store, tmp_path_factory.mktemp("store") / "none", "statements", empty)


@pytest.fixture
def without_partners(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = pa.array([f"patient {row}" for row in range(len(Store(synthetic_store)))])
    return with_column(synthetic_store, tmp_path_factory.mktemp("store") / "own", "patient", own)


@every_method
def test_a_batch_of_one(name: str, synthetic_store: Path, tmp_path: Path, workshop: Workshop) -> None:
    options = ["training.batch_size=1"]
    if name not in LONE:
        message = f"training.batch_size: 1 found, wanted at least 2: {name} compares the records of a batch"
        assert refusal(name, synthetic_store, tmp_path, options) == message
        return
    accepted(name, synthetic_store, tmp_path, options)
    method = workshop.method(name).train()
    method(workshop.batch(name, size=1))["loss"].backward()
    assert any(bool(weight.grad.any()) for weight in method.parameters() if weight.grad is not None)


@every_method
def test_the_least_batch_has_a_loss_and_gradients(name: str, workshop: Workshop) -> None:
    method = workshop.method(name).train()
    scalars = method(workshop.batch(name, size=method.least_records(method.config)))
    scalars["loss"].backward()
    assert bool(torch.isfinite(scalars["loss"])) and scalars["loss"] > method.least_loss
    assert any(bool(weight.grad.any()) for weight in method.parameters() if weight.grad is not None)


@every_method
@pytest.mark.parametrize("devices", [1, 2])
def test_fewer_records_than_a_batch_of_all_processes(
    name: str, devices: int, synthetic_store: Path, tmp_path: Path
) -> None:
    records = int(np.isin(Store(synthetic_store).column("fold"), TRAIN_FOLDS).sum())
    size = -(-(records + 1) // devices)
    options = [f"training.batch_size={size}", f"training.devices={devices}"]
    together = f"{size * devices} found" + (" in 2 processes" if devices > 1 else "")
    message = f"training.batch_size: {together}, wanted at most the {records} records"
    assert refusal(name, synthetic_store, tmp_path, options) == message
    accepted(name, synthetic_store, tmp_path, [f"training.batch_size={records // devices}", *options[1:]])


@pytest.mark.parametrize("name", TEXT)
def test_no_reports(name: str, without_reports: Path, tmp_path: Path) -> None:
    message = refusal(name, without_reports, tmp_path)
    assert message == f"{without_reports}: no record with a report found in folds 1, 2, 3, 4, 5, 6, 7"


@pytest.mark.parametrize("name", TEXT)
def test_fewer_texts_than_a_batch_of_stage_1(name: str, synthetic_store: Path, tmp_path: Path) -> None:
    message = refusal(name, synthetic_store, tmp_path, ["stage1.training.batch_size=5000"])
    assert message.startswith("stage1.training.batch_size: 5000 found, wanted at most the ")


@pytest.mark.parametrize("name", PAIRS)
def test_no_patient_with_two_recordings(
    name: str,
    without_partners: Path,
    synthetic_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = Store(synthetic_store)
    patients = store.index["patient"][np.isin(store.column("fold"), TRAIN_FOLDS)]
    count = len(patients)
    message = refusal(name, without_partners, tmp_path)
    found = f"0 of {count} training records (0%) have another one of the same patient"
    assert message == f"{without_partners}: {found}, wanted some; {name} pairs the recordings of a patient"
    accepted(name, synthetic_store, tmp_path)
    partners = sum(int((patients == patient).sum() > 1) for patient in patients)
    share = f"{partners} of {count} training records ({partners / count:.0%})"
    assert 0 < partners < count
    assert f"{name}: {share} have another one of the same patient" in capsys.readouterr().err


def test_losses_that_are_off_need_nothing(without_partners: Path, tmp_path: Path) -> None:
    accepted("ecg_fm", without_partners, tmp_path, ["method.patient_weight=0", "training.batch_size=1"])
    for option in ("method.discrimination_weight=0", ""):
        needed = get_method("crt").least_records(tiny_recipe("crt", [option] if option else []).method)
        assert needed == (1 if option else 2)


def test_a_contrast_within_a_process_needs_two_records_in_each() -> None:
    apart = tiny_recipe("melp", ["method.local_over_ranks=false"]).method
    joined = tiny_recipe("melp", ["method.local_over_ranks=true"]).method
    kind = get_method("melp")
    assert [kind.least_records(apart, 4), kind.least_records(joined, 4)] == [8, 2]
    off = tiny_recipe("melp", ["method.local_weight=0", "method.local_over_ranks=false"]).method
    caption = tiny_recipe("melp", ["method.local_weight=0", "method.global_weight=0"]).method
    assert [kind.least_records(off, 4), kind.least_records(caption, 4)] == [2, 1]


def test_the_smallest_validation_batch(workshop: Workshop) -> None:
    four, one = TrainingConfig(batch_size=16, devices=4), TrainingConfig(batch_size=1)
    apart = workshop.method("melp", ["local_over_ranks=false"])
    assert smallest_validation_batch(apart, four) == 8
    assert smallest_validation_batch(workshop.method("simclr"), four) == 4
    assert smallest_validation_batch(workshop.method("st_mem"), one) == 1
    assert [smallest_validation_batch(nn.Identity(), config) for config in (four, one)] == [4, 1]
