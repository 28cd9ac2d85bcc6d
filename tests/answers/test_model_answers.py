"""The answers of a model, against what its method gives for one recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.calibration import fit_line
from melp.evaluation.digests import digest
from melp.hub import Model, load
from melp.tasks import get_task
from small_judging import AnsweringMethod, BlindMethod, HashingMethod, direction, small_model

AFIB, TACHY, BRADY = "atrial fibrillation", "sinus tachycardia", "sinus bradycardia"


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def mean_of_leads(store: Store, record: str) -> np.ndarray:
    return store.ecg(record).signal.mean(axis=1)


def test_labels_are_ranked_by_their_cosine(model: Model, store: Store) -> None:
    names = ["r004", "r001"]
    table = model.classify([store.ecg(name) for name in names], [TACHY, AFIB, BRADY])
    assert list(table) == ["id", "rank", "label", "score", "measure", "doubts"]
    assert table["id"].tolist() == ["r004"] * 3 + ["r001"] * 3 and table["rank"].tolist() == [1, 2, 3] * 2
    for row in table.itertuples():
        slow = cosine(mean_of_leads(store, row.id), direction(row.label))
        assert row.score == pytest.approx(slow, abs=1e-5) and row.measure == "similarity"
    assert table.groupby("id")["score"].apply(lambda part: part.is_monotonic_decreasing).all()
    assert "not probabilities. Not a medical device" in table.attrs["note"]


def test_the_finding_of_a_record_is_first(model: Model, store: Store) -> None:
    table = model.classify(store, [TACHY, AFIB, BRADY])
    first = table[table["rank"] == 1].set_index("id")["label"]
    true = store.index.set_index("id")["labels"].map(lambda codes: "AFIB" in codes)
    assert (first[true] == AFIB).mean() > 0.9 and (first[~true] == AFIB).mean() < 0.1


def test_a_calibrated_task_gives_probabilities(model: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    plain = model.classify(store, task=task.name)
    wide = plain.pivot(index="id", columns="label", values="score")
    truth = store.index.set_index("id")["labels"].map(lambda codes: "AFIB" in codes).loc[wide.index]
    line = fit_line(wide["AFIB"].to_numpy(), truth.to_numpy())
    entry = {"prompts": "", "classes": {"AFIB": vars(line)}}
    calibrated = replace(model, config={**model.config, "calibration": {task.name: entry}})
    with pytest.raises(MelpError, match="calibrated for other prompts of ptbxl-rhythm"):
        calibrated.classify(store)
    entry["prompts"] = digest(task.prompts)
    table = calibrated.classify(store)
    first = table[table["rank"] == 1]
    assert set(first["label"]) == {"AFIB"} and set(first["measure"]) == {"calibrated probability"}
    wanted = 1 / (1 + np.exp(-(line.slope * wide["AFIB"] + line.bias)))
    np.testing.assert_allclose(first.set_index("id")["score"], wanted.loc[first["id"]], atol=1e-6)
    assert set(table.loc[table["rank"] > 1, "measure"]) == {"similarity"}
    assert all(table["finding"] == [task.titles[label] for label in table["label"]])
    assert set(first["threshold"]) == {line.threshold} and table["threshold"].notna().sum() == len(first)


def test_what_a_model_cannot_do_is_one_line(model: Model, store: Store) -> None:
    blind, ecg = small_model(BlindMethod(), "blind"), store.ecg("r000")
    with pytest.raises(MelpError, match="method blind has no space shared with text"):
        blind.classify(ecg, [AFIB])
    with pytest.raises(MelpError, match="method blind has no report decoder"):
        blind.report(ecg)
    with pytest.raises(MelpError, match="method hashing has no beats"):
        model.explain(ecg, AFIB)
    with pytest.raises(MelpError, match="method blind has no text tower"):
        blind.search(AFIB, store)
    with pytest.raises(
        MelpError, match="label, task: none found, and model is calibrated for none; wanted one of them"
    ):
        model.classify(ecg)
    with pytest.raises(MelpError, match="labels and a task found"):
        model.classify(ecg, [AFIB], task="ptbxl-rhythm")
    with pytest.raises(MelpError, match="label: found none or an empty one"):
        model.classify(ecg, [AFIB, " "])
    with pytest.raises(MelpError, match="space: found 'x'"):
        model.embed(ecg, space="x")
    assert "it can embed)" in repr(blind)
    assert "hashing, 0.0 M parameters" in repr(model) and "report" in repr(model)


def test_reports_and_embeddings(model: Model, store: Store) -> None:
    table = model.report(store, folds=[1])
    inputs = model.inputs(store.signals(np.flatnonzero(store.index["fold"] == 1)), store.rate)
    assert table["report"].tolist() == model.method.generate(inputs)
    assert "Not a medical device" in table.attrs["note"]
    vectors = model.embed([store.ecg("r009"), store.ecg("r002")], space="text")
    for name in vectors.index:
        mean = mean_of_leads(store, name)
        np.testing.assert_allclose(vectors.loc[name], mean / np.linalg.norm(mean), atol=1e-5)


class Infinite(HashingMethod):
    """Gives one embedding that is not finite."""

    def embed(self, ecg: torch.Tensor) -> torch.Tensor:
        return torch.cat([super().embed(ecg)[:-1], torch.full((1, 12), torch.inf)])


def test_an_embedding_that_is_not_finite_is_named(store: Store) -> None:
    with pytest.raises(MelpError, match=r"embedding of r063 is not finite \(4 in all\)"):
        small_model(Infinite()).embed(store)


def test_search_finds_what_is_most_similar(model: Model, store: Store) -> None:
    index = store.index
    slow = [cosine(mean_of_leads(store, name), direction(AFIB)) for name in index["id"]]
    found = model.search(AFIB, store, k=5)
    best = np.argsort(-np.array(slow))[:5]
    assert found["id"].tolist() == index["id"].iloc[best].tolist() and found["rank"].tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]
    np.testing.assert_allclose(found["score"], np.array(slow)[best], atol=1e-5)
    assert found["labels"].map(list).tolist() == index["labels"].iloc[best].map(list).tolist()
    again = model.search(AFIB, model.embed(store, space="text"), k=5)
    assert again["id"].tolist() == found["id"].tolist()
    assert model.search(store.ecg("r017"), store, k=1)["id"].tolist() == ["r017"]
    blind = small_model(BlindMethod(), "blind")
    assert blind.search(store.ecg("r017"), store, k=1)["id"].tolist() == ["r017"]
    with pytest.raises(MelpError, match="3 dimensions found, wanted 12"):
        model.search(AFIB, pd.DataFrame(np.zeros((4, 3))))


def test_a_method_with_answers_gives_probabilities(store: Store) -> None:
    model = small_model(AnsweringMethod())
    odds = {name: float(mean_of_leads(store, name) @ direction(AFIB)) for name in store.index["id"]}
    table = model.classify(store, [AFIB]).set_index("id")
    assert set(table["measure"]) == {"probability"}
    np.testing.assert_allclose(table["score"], 1 / (1 + np.exp(-pd.Series(odds))), atol=1e-5)
    found = model.search(AFIB, store, k=3)
    assert found["id"].tolist() == sorted(odds, key=odds.__getitem__, reverse=True)[:3]
    np.testing.assert_allclose(found["score"], table["score"].loc[found["id"]])
    change = model.compare([store.ecg("r001"), store.ecg("r002")], [AFIB])["change"]
    np.testing.assert_allclose(change, [0, table["score"]["r002"] - table["score"]["r001"]], atol=1e-6)
    why = model.explain(store.ecg("r001"), AFIB)
    assert why.score == pytest.approx(odds["r001"], abs=1e-4) and why.trace["weight"].sum() == pytest.approx(
        1
    )


@pytest.mark.parametrize("method", [HashingMethod, AnsweringMethod])
def test_abbreviations_and_other_languages(store: Store, method: type[HashingMethod]) -> None:
    model, ecgs = small_model(method()), [store.ecg("r001"), store.ecg("r002")]
    table = model.classify(ecgs, ["AF", AFIB, "Vorhofflimmern"])
    wide = table.pivot(index="id", columns="label", values="score")
    assert wide["AF"].tolist() == wide[AFIB].tolist() == wide["Vorhofflimmern"].tolist()
    assert model.search("AF", store)["id"].tolist() == model.search(AFIB, store)["id"].tolist()
    change = model.compare(ecgs, ["AF", AFIB]).pivot(index="number", columns="sentence", values="change")
    assert change["AF"].tolist() == change[AFIB].tolist()


def test_changes_are_from_the_first_recording(model: Model, store: Store) -> None:
    names = ["r005", "r001", "r003"]
    table = model.compare([store.ecg(name) for name in names], [AFIB, BRADY])
    assert table["number"].tolist() == [1, 1, 2, 2, 3, 3] and table["sentence"].tolist() == [AFIB, BRADY] * 3
    slow = [[cosine(mean_of_leads(store, name), direction(text)) for text in (AFIB, BRADY)] for name in names]
    np.testing.assert_allclose(table["score"], np.ravel(slow), atol=1e-5)
    np.testing.assert_allclose(table["change"], np.ravel(np.array(slow) - slow[0]), atol=1e-5)


def test_an_explanation_is_attention_by_beat_and_the_loss_of_each_lead(
    tiny_run: Path, synthetic_store: Path
) -> None:
    from melp.plots.attention import statement_relevance

    model, store = load(tiny_run), Store(synthetic_store)
    ecg = store.ecg(store.index["id"][3])
    found = model.explain(ecg, "SR")
    with torch.no_grad():
        inputs = model.inputs(ecg)
        weights = statement_relevance(model.method, inputs[0], ["sinus rhythm"])[0].numpy()
        text = model.method.embed_text(["sinus rhythm"])[0]
        whole = float(model.method.project_ecg(inputs)[0] @ text)
        for row, lead in enumerate(found.leads["lead"]):
            blank = inputs.clone()
            blank[0, row] = blank[0, row].median()
            rest = float(model.method.project_ecg(blank)[0] @ text)
            assert found.leads["change"][row] == pytest.approx(whole - rest, abs=1e-5), lead
    assert found.score == pytest.approx(whole, abs=1e-5)
    np.testing.assert_allclose(found.trace["weight"], weights, atol=1e-6)
    middle = found.trace["seconds"].to_numpy()
    assert middle[0] == pytest.approx(10 / len(weights) / 2) and middle[-1] == pytest.approx(10 - middle[0])
    beats = found.beats["seconds"].to_numpy()
    assert len(beats) > 4 and (np.diff(beats) > 0.2).all()
    nearest = np.abs(middle[:, None] - beats).argmin(axis=1)
    slow = [weights[nearest == beat].sum() for beat in range(len(beats))]
    np.testing.assert_allclose(found.beats["weight"], slow, atol=1e-6)
    assert "Not a medical device" in repr(found) and "Not a medical device" in found.note
    assert set(found.table["part"]) == {"beat", "lead"}
    with pytest.raises(MelpError, match="wanted one recording"):
        model.explain(store, "sinus rhythm")


def test_without_a_name_the_model_in_the_package_is_loaded(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("melp.hub.model.INSIDE", tmp_path / "mini")
    with pytest.raises(MelpError, match="model: none named, and this installation of melp has none inside"):
        load()
    monkeypatch.setattr("melp.hub.model.INSIDE", tiny_run)
    assert load().folder == load("mini").folder == tiny_run
    assert load().to("cpu").device == torch.device("cpu")
    with pytest.raises(MelpError, match="device: found 'gpu'"):
        load().to("gpu")
