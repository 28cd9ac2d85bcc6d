"""ONNX files: the numbers of torch for mV, labels in their order, int8, and the page that runs one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from melp.cli import main
from melp.data.store import Store
from melp.ecg import LEADS
from melp.errors import MelpError
from melp.evaluation import export
from melp.evaluation.calibration import Line
from melp.evaluation.export import calibration_records, export_onnx, export_prompts
from melp.hub import Model, load, save
from melp.signal.preprocessing import Preprocessing
from small_methods import Workshop

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
AFIB = "atrial fibrillation"
PROMPTS = {
    "MI": {"for": ["myocardial infarction", "old infarct"], "against": ["normal ecg"]},
    "AFIB": [AFIB],
    "NORM": ["normal ecg", "sinus rhythm"],
}
RATE = 250


@pytest.fixture(scope="module")
def model(synthetic_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that filters, scales and has leads in an order of its own."""
    workshop = Workshop(synthetic_store)
    folder = tmp_path_factory.mktemp("runs") / "melp"
    leads = (*LEADS[:4], "aVF", "aVL", *LEADS[6:])
    preprocessing = Preprocessing(100, 10, leads, "highpass", "zscore")
    save(folder, workshop.method("melp"), "melp", preprocessing)
    return load(folder)


@pytest.fixture(scope="module")
def written(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(model, file, PROMPTS, rate=RATE)
    return file


@pytest.fixture(scope="module")
def ecgs(synthetic_store: Path) -> np.ndarray:
    """Recordings in mV at 250 Hz, in the standard order."""
    return calibration_records(Store(synthetic_store), RATE, 7)


def run(file: Path, ecg: np.ndarray) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    about = json.loads(file.with_suffix(".json").read_text())
    return dict(zip(about["outputs"], session.run(about["outputs"], {"ecg": ecg}), strict=True))


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_a_file_gives_the_numbers_of_torch(model: Model, written: Path, ecgs: np.ndarray) -> None:
    method: Any = model.method
    found = run(written, ecgs)
    with torch.no_grad():
        np.testing.assert_allclose(found["embedding"], model.embed(ecgs, rate=RATE).to_numpy(), atol=1e-4)
        vectors = method.project_ecg(model.inputs(ecgs, RATE)).numpy()

    def cosine(texts: list[str]) -> np.ndarray:
        with torch.no_grad():
            return unit(vectors) @ unit(unit(method.embed_text(texts).numpy()).mean(axis=0))

    wanted = {
        "NORM": cosine(["normal ecg", "sinus rhythm"]),
        "MI": cosine(["myocardial infarction", "old infarct"]) - cosine(["normal ecg"]),
        "AFIB": cosine(["atrial fibrillation"]),
    }
    labels = json.loads(written.with_suffix(".json").read_text())["labels"]
    assert labels == ["MI", "AFIB", "NORM"]
    for place, label in enumerate(labels):
        np.testing.assert_allclose(found["similarity"][:, place], wanted[label], atol=1e-4)
    np.testing.assert_allclose(run(written, ecgs[2:3])["similarity"], found["similarity"][2:3], atol=1e-5)


def test_a_method_with_answers_gives_its_probabilities(
    synthetic_store: Path, ecgs: np.ndarray, tmp_path: Path
) -> None:
    workshop = Workshop(synthetic_store)
    save(tmp_path / "quest", workshop.method("quest"), "quest", workshop.preprocessing("quest"))
    quest = load(tmp_path / "quest")
    line = Line(slope=0.5, bias=1.5, threshold=0.5, positives=9)
    export_onnx(quest, tmp_path / "quest.onnx", PROMPTS, lines={"AFIB": line}, rate=RATE)
    found = run(tmp_path / "quest.onnx", ecgs)["probability"]
    method: Any = quest.method
    with torch.no_grad():
        inputs = quest.inputs(ecgs, RATE)
        odds = {
            text: method.answers(inputs, method.embed_statements([text]))[:, 0].double()
            for text in ("myocardial infarction", "old infarct", "normal ecg", AFIB, "sinus rhythm")
        }
    normal, infarct = (
        torch.logit(1 - torch.stack([1 - odds[text].sigmoid() for text in texts]).prod(0))
        for texts in (("normal ecg", "sinus rhythm"), ("myocardial infarction", "old infarct"))
    )
    wanted = [infarct - odds["normal ecg"], 0.5 * odds[AFIB] + 1.5, normal]
    np.testing.assert_allclose(found, torch.stack(wanted, 1).sigmoid().numpy(), atol=1e-4)
    about = json.loads((tmp_path / "quest.json").read_text())
    assert about["labels"] == ["MI", "AFIB", "NORM"] and about["calibrated"] == ["AFIB"]


def test_similarities_are_not_said_to_be_calibrated(model: Model, tmp_path: Path) -> None:
    line = Line(slope=0.5, bias=1.5, threshold=0.5, positives=9)
    done = export_onnx(model, tmp_path / "melp.onnx", {"AFIB": [AFIB]}, lines={"AFIB": line}, rate=RATE)
    assert (done.about["outputs"][0], done.about["calibrated"]) == ("similarity", [])


def test_what_goes_in_and_comes_out_is_written_beside_it(model: Model, written: Path) -> None:
    about = json.loads(written.with_suffix(".json").read_text())
    assert about["input"] == {
        "name": "ecg", "shape": ["batch", 12, 2500], "unit": "mV", "rate": RATE, "seconds": 10,
        "leads": list(LEADS),
    }  # fmt: skip
    assert about["outputs"] == ["similarity", "embedding"] and about["prompts"] == PROMPTS
    assert about["versions"]["torch"] == torch.__version__ and about["int8"] == "none"
    assert about["note"].startswith("Not a medical device")
    assert max(about["difference"].values()) < 1e-4
    graph = onnx.load(written).graph
    assert [dim.dim_param or dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim][1:] == [
        12,
        2500,
    ]
    convolutions = [
        module for module in model.method.encoder.modules() if isinstance(module, torch.nn.Conv1d)
    ]
    counts = Counter(node.op_type for node in graph.node)
    assert counts["Conv"] == len(convolutions) + 1, "the encoder runs once, beside the resampling"


def test_int8_by_the_command(
    model: Model,
    synthetic_store: Path,
    ecgs: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, labels = tmp_path / "int8.onnx", ["sinus rhythm", "atrial fibrillation"]
    words = f"melp export {model.folder} --onnx {file} --rate {RATE} --int8 static --data {synthetic_store}"
    given = [word for label in labels for word in ("--label", label)]
    monkeypatch.setattr(sys, "argv", [*words.split(), *given])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out.splitlines()
    assert not ended.value.code and printed[0].startswith("similarity: differs from torch by at most ")
    assert printed[-1].startswith(f"{file}: written, with int8.json. Not a medical device")
    about = json.loads(file.with_suffix(".json").read_text())
    assert (about["int8"], about["labels"]) == ("static", labels)
    method: Any = model.method
    with torch.no_grad():
        wanted = method.project_ecg(model.inputs(ecgs, RATE)) @ method.embed_text(labels).T
    found = run(file, ecgs)["similarity"]
    np.testing.assert_allclose(found, wanted.numpy(), atol=0.1)
    assert np.abs(found - wanted.numpy()).max() > 1e-4, "rounded to 8 bits"
    types = {tensor.name: tensor.data_type for tensor in onnx.load(file).graph.initializer}
    wide = [
        name for name, kind in types.items() if kind == onnx.TensorProto.FLOAT and name.startswith("filter")
    ]
    assert wide, "the filter stays in float32"
    assert onnx.TensorProto.INT8 in types.values()


def test_what_is_refused(
    model: Model, synthetic_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model.onnx"
    with pytest.raises(MelpError, match="int8: found 'int4', wanted none, dynamic or static"):
        export_onnx(model, out, PROMPTS, int8="int4")
    with pytest.raises(MelpError, match="int8: found static without ECGs"):
        export_onnx(model, out, PROMPTS, int8="static")
    with pytest.raises(MelpError, match=r"model\.pt: found \.pt, wanted a name ending in \.onnx"):
        export_onnx(model, tmp_path / "model.pt", PROMPTS)
    with pytest.raises(MelpError, match="wanted `pip install melp\\[export\\]`"):
        monkeypatch.setattr(export, "PACKAGES", ("melp", "onnxx"))
        export_onnx(model, out, PROMPTS)
    monkeypatch.undo()
    monkeypatch.setattr(export, "write_onnx", lambda *_: None)
    monkeypatch.setattr(export, "differences", lambda *_: {"similarity": 1e-5, "embedding": 2e-4})
    with pytest.raises(MelpError, match=r"outputs differ from torch by .*0\.0002.*, wanted at most 0\.0001"):
        export_onnx(model, out, PROMPTS)
    assert not list(tmp_path.iterdir())


def test_prompts_of_a_task_or_of_labels(model: Model) -> None:
    found = export_prompts(model, None, ["flutter", "RBBB"])
    assert found == {"flutter": ["flutter"], "RBBB": ["right bundle branch block"]}
    assert export_prompts(model, None, []) is None
    assert list(export_prompts(model, "ptbxl-super", []) or {}) == ["HYP", "NORM", "MI", "CD", "STTC"]
    with pytest.raises(MelpError, match="found labels and a task"):
        export_prompts(model, "ptbxl-super", ["flutter"])


def test_the_page_runs_a_file_without_torch(written: Path, ecgs: np.ndarray, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for file in (written, written.with_suffix(".json")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    np.save(tmp_path / "ecg.npy", ecgs[0])
    check = "\nimport sys\nassert not {'torch', 'melp'} & set(sys.modules)\n"
    result = subprocess.run(
        [sys.executable, "-c", program + check], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not result.returncode, result.stderr
    found = run(written, ecgs[:1])["similarity"][0]
    order = [["MI", "AFIB", "NORM"][place] for place in np.argsort(-found)]
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines[:3]] == order
    assert float(lines[0].split()[0]) == pytest.approx(found.max(), abs=1e-3)
    assert lines[3].startswith("Not a medical device") and len(program.splitlines()) <= 20
