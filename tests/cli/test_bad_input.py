"""Invalid input on the command line: one line on stderr, exit code 2, no files written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from melp.ecg import LEADS
from small_cli import Run, refused
from small_ptb_xl import beats, make_tree, write_record


@pytest.fixture(scope="module")
def places(synthetic_store: Path, tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Valid and invalid folders and files for the commands below."""
    folder = tmp_path_factory.mktemp("places")
    for name in ("empty", "half.building"):
        (folder / name).mkdir()
    (folder / "half.building" / "plan.json").write_text("{}")
    shutil.copytree(synthetic_store, folder / "cut_store")
    shard = folder / "cut_store" / "shards" / "00000.npy"
    shard.write_bytes(shard.read_bytes()[:-10])
    shutil.copytree(tiny_run, folder / "foreign", ignore=shutil.ignore_patterns("text", "*.ckpt"))
    save_file({"projector.weight": torch.ones(2, 2)}, folder / "foreign" / "model.safetensors")
    shutil.copytree(folder / "foreign", folder / "resized")
    shutil.copy(tiny_run / "model.safetensors", folder / "resized")
    config = json.loads((folder / "resized" / "config.json").read_text())
    config["method"]["beats"] += 1
    (folder / "resized" / "config.json").write_text(json.dumps(config))
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine")
    (folder / "broken.yaml").write_text("method: [")
    (folder / "prompts.json").write_text("{")
    make_tree(folder / "raw", 1, listed=2)
    _recordings(folder)
    return {"tmp": str(folder), "store": str(synthetic_store), "model": str(tiny_run)}


def _recordings(folder: Path) -> None:
    good = beats(1)
    write_record(folder / "good", good)
    write_record(folder / "cut", good)
    (folder / "cut.dat").write_bytes((folder / "cut.dat").read_bytes()[:30000])
    write_record(folder / "eleven", good[:11], leads=LEADS[:11])
    invalid = good.copy()
    invalid[3, 100:110] = -32768  # no sample, in format 16
    write_record(folder / "nan", invalid)
    write_record(folder / "zero", np.zeros_like(good))
    write_record(folder / "alone", good)
    (folder / "alone.dat").unlink()
    (folder / "words.hea").write_text("this is no header\n")
    (folder / "text.csv").write_text("1,2\n")


CLASSIFY = [
    ("cut.hea", "cut.dat: 1250 samples, the header says 5000"),
    ("eleven.hea", "eleven.hea: no lead V6; found I, II"),
    ("nan.hea", "nan.hea: 10 samples are NaN or infinite (lead aVR)"),
    ("zero.hea", "zero.hea: all samples are zero"),
    ("alone.hea", "alone.hea: its signal file alone.dat is missing"),
    ("words.hea", "words.hea: not a readable WFDB record"),
    ("text.csv", "text.csv: text found, wanted one of "),
    ("absent.hea", "absent.hea: no such file"),
    ("empty", "empty: no files found, wanted recordings"),
]


@pytest.mark.parametrize(("file", "message"), CLASSIFY, ids=[file for file, _ in CLASSIFY])
def test_invalid_recordings(run: Run, places: dict[str, str], file: str, message: str) -> None:
    path = Path(places["tmp"], file)
    refused(run("classify", path, "--model", places["model"], "--label", "atrial fibrillation"), message)


def test_a_valid_recording(run: Run, places: dict[str, str]) -> None:
    labels = ("--label", "atrial fibrillation", "--label", "normal sinus rhythm")
    words = ("classify", Path(places["tmp"], "good.hea"), "--model", places["model"])
    code, out, err = run(*words, *labels, "--format", "jsonl")
    assert code == 0 and err.count("\n") == 1 and "Not a medical device" in err
    answers = [json.loads(line) for line in out.splitlines()]
    assert sorted(one["label"] for one in answers) == ["atrial fibrillation", "normal sinus rhythm"]
    assert all("Not a medical device" in one["note"] for one in answers)
    refused(run(*words, "--label", " "), "label: found none")


MODELS = [
    ("{tmp}/empty", "no config.json and model.safetensors found, wanted the folder of a model"),
    ("{tmp}/absent", "no config.json and model.safetensors found, wanted the folder of a model"),
    ("{store}", "no config.json and model.safetensors found, wanted the folder of a model"),
    ("{model}/text", "the config of a language model (stage 1) found, wanted that of a melp model"),
    ("{tmp}/foreign", "the weights are not those of MELP as configured"),
    ("{tmp}/resized", "beat_pooler.query of shape (4, 32) found, wanted beat_pooler.query of shape (5, 32)"),
]
STORES = [
    ("{tmp}/empty", "no store (no manifest.json)"),
    ("{tmp}/absent", "no store (no manifest.json)"),
    ("{tmp}/half", "its build did not finish; run the same `melp data build` again"),
    ("{tmp}/half.building", "no store (no manifest.json)"),
    ("{tmp}/cut_store", "shards/00000.npy: "),
    ("{model}", "no store (no manifest.json)"),
]


def fill(words: tuple[str, ...] | str, places: dict[str, str]) -> list[str]:
    return [word.format(**places) for word in (words.split() if isinstance(words, str) else words)]


@pytest.mark.parametrize(("model", "message"), MODELS, ids=[model for model, _ in MODELS])
def test_invalid_model_folders(
    run: Run, places: dict[str, str], tmp_path: Path, model: str, message: str
) -> None:
    rest = {
        "zero-shot": f"--task synthetic --data {{store}} --out {tmp_path}/out",
        "probe": f"--task synthetic --data {{store}} --out {tmp_path}/out",
        "generate": f"--data {{store}} --out {tmp_path}/out",
        "classify {tmp}/good.hea --label x --model": "",
        f"embed {{store}} --out {tmp_path}/out --model": "",
    }
    for command, words in rest.items():
        refused(run(*fill(command, places), *fill((model,), places), *fill(words, places)), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("store", "message"), STORES, ids=[store for store, _ in STORES])
def test_invalid_store_folders(
    run: Run, places: dict[str, str], tmp_path: Path, store: str, message: str
) -> None:
    commands = {
        "pretrain melp --recipe melp/tiny": ("--out", f"{tmp_path}/out"),
        "text pretrain --recipe text/laptop": ("--out", f"{tmp_path}/out"),
        "zero-shot {model} --task synthetic": ("--out", f"{tmp_path}/out"),
        "probe {model} --task synthetic": ("--out", f"{tmp_path}/out"),
        "generate {model}": ("--out", f"{tmp_path}/out"),
    }
    for command, rest in commands.items():
        refused(run(*fill(command, places), "--data", *fill((store,), places), *rest), message)
    assert list(tmp_path.iterdir()) == []


TINY = "pretrain melp --data {store} --recipe melp/tiny"
PRETRAIN = [
    ("pretrain clip --data {store}", "method: 'clip' found, wanted one of"),
    ("pretrain simclrr --data {store}", "; did you mean simclr?"),
    (
        "pretrain melp --data {store} --recipe melp/huge",
        "recipe: 'melp/huge' found, wanted a YAML file or one of",
    ),
    ("pretrain melp --data {store} --recipe {tmp}/broken.yaml", "broken.yaml"),
    (f"{TINY} method.nope=1", "method.nope: "),
    (f"{TINY} nope=1", "nope: "),
    (f"{TINY} nope", "options: 'nope' found, wanted key=value"),
    (f"{TINY} training.epochs=many", "training.epochs: "),
    (f"{TINY} method.beats=-3", "method.beats: -3 found"),
    (f"{TINY} method.encoder=conv", "method.encoder: 'conv' found"),
    (f"{TINY} preprocessing.rate=fast", "preprocessing"),
    (f"{TINY} preprocessing.leads=[1,2]", "preprocessing"),
    (f"{TINY} preprocessing.nope=1", "preprocessing: 'nope' found, wanted one of"),
    (f"{TINY} preprocessing.scaling=log", "preprocessing.scaling: 'log' found, wanted one of"),
    (f"{TINY} method.text={{tmp}}/empty", "empty: no tokenizer could be read"),
    (f"{TINY} method.text={{store}}", "no tokenizer could be read"),
    (f"{TINY} method.text={{tmp}}/absent", "absent: no such folder, and no such model could be downloaded"),
    (f"{TINY} method.text={{model}}", "model_type None found, wanted 'bert'"),
    (f"{TINY} method.pooler_heads=3 method.text={{model}}/text", "wanted a multiple of the 3 heads"),
    (f"{TINY} method.text_length=161 method.text={{model}}/text", "161 found"),
    (f"{TINY} method.text={{model}}/text data.train_folds=[77]", "no record with a report found in folds 77"),
    (f"{TINY} method.text={{model}}/text training.batch_size=999", "training.batch_size: 999 found"),
    (
        f"{TINY} method.text={{model}}/text training.accelerator=abacus",
        "training.accelerator: 'abacus' found",
    ),
    (f"{TINY} method.text={{model}}/text training.select=auroc", "training.select: 'auroc' found"),
    (f"{TINY} stage1.model.init={{tmp}}/empty", "empty: no tokenizer could be read"),
    (
        f"{TINY} stage1.model.max_length=300",
        "model.max_length: 300 found, wanted at most BERT's 160 positions",
    ),
    (f"{TINY} stage1.model.heads=3", "wanted a multiple of the 3 heads"),
    ("text pretrain --data {tmp}/absent.txt", "absent.txt: cannot be read as UTF-8 text"),
    ("text pretrain --data {tmp}/text.csv", "text.csv"),
    ("text pretrain --data {store} --recipe text/huge", "recipe: 'text/huge' found"),
    ("text pretrain --data {store} model.nope=3", "model.nope: "),
    (
        "text pretrain --data {store} --recipe text/laptop model.init={tmp}/empty",
        "no tokenizer could be read",
    ),
]


@pytest.mark.parametrize(("command", "message"), PRETRAIN, ids=[command for command, _ in PRETRAIN])
def test_invalid_training_settings(
    run: Run,
    places: dict[str, str],
    tmp_path: Path,
    command: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", _no_network)
    refused(run(*fill(command, places), "--out", tmp_path / "out"), message)
    assert list(tmp_path.iterdir()) == []


def _no_network(*_: object, **__: object) -> None:
    raise OSError("offline")


EVALUATION = [
    ("zero-shot {model} --task ptbxl --data {store}", "ptbxl"),
    ("zero-shot {model} --task ptbxl-supr --data {store}", "; did you mean ptbxl-super?"),
    (
        "zero-shot {model} --task ptbxl-super --data {store}",
        "found synthetic, wanted ptb-xl for task ptbxl-super",
    ),
    ("zero-shot {model} --task synthetic --data {store} --prompts {tmp}/absent.json", "absent.json"),
    ("zero-shot {model} --task synthetic --data {store} --prompts {tmp}/prompts.json", "prompts.json"),
    ("zero-shot {model} --task synthetic --data {store} --folds ten", "ten"),
    ("zero-shot {model} --task synthetic --data {store} --folds 77", "in folds 77"),
    ("zero-shot {model} --task synthetic --data {store} --device tpu", "device: found 'tpu'"),
    ("probe {model} --task synthetic --data {store} --fraction 0", "fraction: found '0'"),
    (
        "probe {model} --task synthetic --data {store} --folds 3 --train-folds 3",
        "both evaluated and trained on",
    ),
    ("generate {model} --data {store} --folds 77", "77"),
    ("embed {store} --model {model} --space words", "space: found 'words'"),
]


@pytest.mark.parametrize(("command", "message"), EVALUATION, ids=[command for command, _ in EVALUATION])
def test_invalid_evaluation_options(
    run: Run, places: dict[str, str], tmp_path: Path, command: str, message: str
) -> None:
    refused(run(*fill(command, places), "--out", tmp_path / "out"), message)
    assert list(tmp_path.iterdir()) == []


OUTS = [
    ("pretrain melp --data {store} --recipe melp/tiny", "not empty, and no training to resume"),
    ("text pretrain --data {store} --recipe text/laptop", "not empty, and no training to resume"),
    ("data build synthetic --records 3 --rate 100", "exists and is not a store"),
]


@pytest.mark.parametrize(("command", "message"), OUTS, ids=[command for command, _ in OUTS])
def test_existing_files_are_kept(run: Run, places: dict[str, str], command: str, message: str) -> None:
    before = sorted(Path(places["tmp"]).rglob("*"))
    refused(run(*fill(command, places), "--out", Path(places["tmp"], "mine")), message)
    refused(run(*fill(command, places), "--out", Path(places["tmp"], "broken.yaml")), "broken.yaml")
    refused(
        run(*fill(command, places), "--out", Path(places["tmp"], "broken.yaml", "out")), "Not a directory"
    )
    assert sorted(Path(places["tmp"]).rglob("*")) == before
    assert Path(places["tmp"], "mine", "notes.txt").read_text() == "mine"


def test_a_training_with_other_settings_is_kept(run: Run, places: dict[str, str]) -> None:
    weights = Path(places["model"], "model.safetensors")
    before = weights.read_bytes()
    message = "a training with another method.beats found, wanted the same settings or a new folder"
    settings = ("training.epochs=1", "stage1.training.max_steps=5", "method.beats=5")
    refused(run(*fill(TINY, places), *settings, "--out", places["model"]), message)
    assert weights.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write to any folder")
@pytest.mark.parametrize("command", [TINY, "data build synthetic --records 3 --rate 100"])
def test_a_read_only_folder(run: Run, places: dict[str, str], tmp_path: Path, command: str) -> None:
    tmp_path.chmod(0o500)
    refused(run(*fill(command, places), "--out", tmp_path / "out"), "Permission denied")


@pytest.mark.parametrize(
    "words", ["nope", "pretrain", "pretrain melp", "classify", "data build", "zero-shot x"]
)
def test_usage_errors_exit_with_2(run: Run, words: str) -> None:
    code, _, err = run(*words.split())
    assert code == 2 and "Traceback" not in err


def melp(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from melp.cli import main; main()", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )  # type: ignore[call-overload]


def test_a_full_disk_prints_one_line(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = ("data", "build", "synthetic", "--records", 3, "--rate", 100, "--out", tmp_path / "store")
    process = melp(*words, preexec_fn=small_files)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "") and "Traceback" not in err
    assert err.splitlines()[-1].startswith("melp: ") and "too large" in err.splitlines()[-1]
    assert not (tmp_path / "store").exists()


def test_ctrl_c_prints_no_traceback(tmp_path: Path) -> None:
    options = ("--records", 4000, "--rate", 100, "--workers", 2, "--out", tmp_path / "store")
    process = melp("data", "build", "synthetic", *options)
    shards = tmp_path / "store.building" / "shards"
    # Wait until both workers are running.
    while process.poll() is None and len(list(shards.glob("*"))) < 2:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert not (tmp_path / "store").exists()


def test_ctrl_c_in_a_training_prints_no_traceback(
    run: Run, places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from melp.training.module import PretrainingModule

    def interrupt(self: PretrainingModule, batch: object, batch_idx: int) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(PretrainingModule, "training_step", interrupt)
    code, out, err = run(
        *fill(TINY, places), f"method.text={places['model']}/text", "--out", tmp_path / "out"
    )
    assert (code, out) == (130, "") and "Traceback" not in err
    assert (tmp_path / "out" / "recipe.json").exists(), "it can be resumed"
