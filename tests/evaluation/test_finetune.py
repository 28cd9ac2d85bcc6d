"""The same network untrained; an encoder fine-tuned from a run's weights or trained from random weights."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
from safetensors.torch import load_file

from melp.cli import main
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import Evaluation, read_evaluations
from melp.evaluation.finetune import SCRATCH, FineTuneRecipe, LabelledBatches, finetune, untrained
from melp.hub import load
from melp.hub.records import read_training_records
from melp.nn.classifier import Classifier
from melp.tasks import get_task
from melp.training.config import OptimiserConfig, TrainingConfig

QUICK = FineTuneRecipe(
    optimiser=OptimiserConfig(lr=1e-2, warmup=0.1),
    training=TrainingConfig(epochs=12, batch_size=16, precision="fp32"),
)
KERNEL = "encoder.stem.0.weight"


def test_untrained_differs_in_weights_only(tiny_run: Path) -> None:
    model = load(tiny_run)
    fresh, again, other = (untrained(model, Path("fresh"), seed) for seed in (0, 0, 1))
    trained, first = model.method.encoder.state_dict(), fresh.method.encoder.state_dict()
    assert {name: value.shape for name, value in first.items()} == {
        name: value.shape for name, value in trained.items()
    }
    kernel = "stem.0.weight"
    assert torch.equal(first[kernel], again.method.encoder.state_dict()[kernel])
    assert not torch.allclose(first[kernel], other.method.encoder.state_dict()[kernel])
    assert not torch.allclose(first[kernel], trained[kernel])
    assert fresh.preprocessing == model.preprocessing and not fresh.method.training


def test_batches_contain_the_labels_of_their_records(synthetic_store: Path) -> None:
    store, task = Store(synthetic_store), get_task("synthetic")
    labels = task.labels(store.index).iloc[::-3]
    batch = LabelledBatches(store, labels).__getitems__([(4, 40), (0, 1), (7, 5)])
    for row, place in enumerate((4, 0, 7)):
        ecg = store.ecg(labels.index[place])
        assert np.allclose(batch["signal"][row].numpy() / 1000, ecg.signal)
        assert set(np.array(task.classes)[batch["labels"][row].numpy() == 1]) == set(
            ecg.meta["labels"]
        ) & set(task.classes)


def test_loss_is_binary_cross_entropy(tiny_run: Path) -> None:
    classifier = Classifier(load(tiny_run).method.encoder, 2).eval()
    ecg, labels = torch.randn(3, 12, 1000), torch.tensor([[0.0, 1], [1, 1], [0, 0]])
    probability = classifier.logits(ecg).sigmoid()
    slow = -(labels * probability.log() + (1 - labels) * (1 - probability).log()).mean()
    torch.testing.assert_close(classifier({"ecg": ecg, "labels": labels})["loss"], slow)


def test_encoder_has_its_own_learning_rate(tiny_run: Path) -> None:
    classifier = Classifier(load(tiny_run).method.encoder, 2, encoder_rate=0.25)
    factor = {
        id(parameter): (group["lr_factor"], group.get("weight_decay"))
        for group in classifier.param_groups()
        for parameter in group["params"]
    }
    assert len(factor) == len(list(classifier.parameters()))
    for name, parameter in classifier.named_parameters():
        wanted = (0.25 if name.startswith("encoder.") else 1.0, None if parameter.ndim > 1 else 0.0)
        assert factor[id(parameter)] == wanted, name


@pytest.fixture(scope="module")
def trained(tiny_run: Path, synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier whose encoder starts from the weights of a run."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    finetune(load(tiny_run), Store(synthetic_store), get_task("synthetic"), out, QUICK, progress=False)
    return out


def test_training_learns_and_writes_a_model_folder(
    trained: Path, tiny_run: Path, synthetic_store: Path
) -> None:
    losses = pd.read_json(trained / "log.jsonl", lines=True)["validation/loss"].dropna()
    assert losses.min() < 0.6 * np.log(2)
    weights = load_file(trained / "model.safetensors")
    assert weights["encoder.stem.1.running_mean"].abs().max() > 1e-3, "trained in training mode"
    model, store = load(trained), Store(synthetic_store)
    assert model.name == "melp-finetuned" and model.preprocessing == load(tiny_run).preprocessing
    ecg = store.ecg(store.column("id")[3])
    ranked = model.classify(ecg)
    with torch.inference_mode():
        wanted = model.method.logits(model.inputs(ecg))[0].sigmoid()
    expected = dict(zip(get_task("synthetic").classes, wanted.tolist(), strict=True))
    assert dict(zip(ranked["label"], ranked["score"], strict=True)) == pytest.approx(expected)
    assert ranked["score"].is_monotonic_decreasing and set(ranked["measure"]) == {"probability"}
    # Those of the run that it starts from, and those with labels.
    records, before = read_training_records(trained), read_training_records(tiny_run)
    assert records is not None and before is not None
    labelled = set(get_task("synthetic").labels(store.index).index)
    assert set(records["id"]) == set(before["id"]) | (labelled & set(store.index.query("fold < 8")["id"]))


def test_finished_training_is_not_repeated(trained: Path, tiny_run: Path, synthetic_store: Path) -> None:
    store, task, model = Store(synthetic_store), get_task("synthetic"), load(tiny_run)
    written = (trained / "log.jsonl").stat().st_mtime_ns
    first, again = (finetune(model, store, task, trained, QUICK, progress=False) for _ in range(2))
    assert (trained / "log.jsonl").stat().st_mtime_ns == written
    assert np.array_equal(again.scores, first.scores)
    assert first.cell.method == "melp-finetuned" and first.model["folder"] == str(trained)
    assert first.cell.fraction == 100 and list(first.scores.columns) == list(task.classes)
    assert set(first.scores.index) == set(store.index.loc[store.index["fold"].isin((9, 10)), "id"]) & set(
        task.labels(store.index).index
    )
    other = replace(QUICK, encoder_rate=0.5)
    with pytest.raises(MelpError, match=r"a training with another encoder_rate found"):
        finetune(model, store, task, trained, other, progress=False)


def test_from_scratch_with_a_part_of_the_labels(
    tiny_run: Path, synthetic_store: Path, tmp_path: Path
) -> None:
    store, task, model = Store(synthetic_store), get_task("synthetic"), load(tiny_run)
    recipe = replace(QUICK, training=replace(QUICK.training, max_steps=1, batch_size=8))
    out = tmp_path / "run"
    judged = finetune(
        model,
        store,
        task,
        out,
        recipe,
        scratch=True,
        fraction=50,
        folds=(9, 10),
        train_folds=(1, 2, 3, 4),
        validation_folds=(5,),
        progress=False,
    )
    assert judged.cell.method == SCRATCH and (judged.cell.folds, judged.cell.train_folds) == (
        "9,10",
        "1,2,3,4",
    )
    used = read_training_records(out)
    assert used is not None
    fold = pd.Series(store.column("fold"), index=store.column("id"))
    assert set(fold.loc[used["id"]]) <= {1, 2, 3, 4}
    covered = fold.loc[task.labels(store.index).index]
    assert len(used) == judged.cell.n_train == round(covered.isin((1, 2, 3, 4)).sum() / 2)
    assert not torch.allclose(load_file(out / "model.safetensors")[KERNEL], model.method.state_dict()[KERNEL])


def test_folds_that_cannot_be_trained(tiny_run: Path, synthetic_store: Path, tmp_path: Path) -> None:
    store, task, model = Store(synthetic_store), get_task("synthetic"), load(tiny_run)

    def attempt(**options: tuple[int, ...]) -> Evaluation:
        return finetune(model, store, task, tmp_path / "run", QUICK, progress=False, **options)

    with pytest.raises(MelpError, match="folds: 10 both evaluated and selected by"):
        attempt(validation_folds=(10,))
    with pytest.raises(MelpError, match="no record with a label of synthetic to train on"):
        attempt(folds=(10,), train_folds=(1,), validation_folds=(1,))
    assert not (tmp_path / "run").exists()


def write_recording(store: Store, folder: Path) -> Path:
    ecg = store.ecg(store.column("id")[0])
    names, units = list(ecg.leads), ["mV"] * len(ecg.leads)
    wfdb.wrsamp("r", ecg.rate, units, names, ecg.signal.T.astype(float), write_dir=str(folder))
    return folder / "r.hea"


def test_commands(
    trained: Path,
    tiny_run: Path,
    synthetic_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["melp", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capsys.readouterr().out

    ecg_file = write_recording(Store(synthetic_store), tmp_path)
    options = ["training.max_steps=2", "training.batch_size=8", "--task", "synthetic", "--scratch"]
    out = tmp_path / "run"
    run("finetune", tiny_run, *options, "--data", synthetic_store, "--out", out)
    (saved,) = read_evaluations(out)
    assert saved.cell.method == SCRATCH and not saved.predictions.empty
    lines = run("classify", ecg_file, "--model", trained, "--format", "jsonl").splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) == len(get_task("synthetic").classes)
    assert all(0 <= each["score"] <= 1 and "medical" in each["note"] for each in answers)
