"""`melp data`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from small_cli import Run, refused
from small_corpora import make_mimic, mimic_signal
from small_ptb_xl import beats, make_tree, write_record
from small_server import Site, serving


def test_build_info_verify(run: Run, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 4, listed=6)
    (raw / "records500/00000/00002_hr.dat").write_bytes(b"1234")
    command = ("data", "build", "ptb-xl", "--raw", raw, "--out", tmp_path / "store", "--rate", "250")
    code, out, err = run(*command, "--allow-missing")
    assert code == 0
    assert out.splitlines() == [
        f"{tmp_path / 'store'}: 3 records",
        "missing on disk: 2 (statements of 2 training reports kept)",
        "flagged, empty report: 1",
        "dropped, truncated: 1",
        "  2: records500/00000/00002_hr.dat: 0 samples, the header says 5000",
    ]
    code, out, _ = run(*command, "--allow-missing")
    assert code == 0 and "3 records, already built" in out
    code, out, _ = run("data", "info", tmp_path / "store")
    assert code == 0 and "ptb-xl, 3 records" in out and "250 Hz, 10 s" in out and "truncated" in out
    code, out, _ = run("data", "verify", tmp_path / "store")
    assert code == 0 and "all files match the manifest" in out
    shard = tmp_path / "store" / "shards" / "00000.npy"
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    code, out, err = run("data", "verify", tmp_path / "store")
    assert (code, out) == (2, "")
    assert err == f"melp: {shard}: differs from its SHA-256 in the manifest\n"


def test_build_prints_reports_that_are_not_understood(run: Run, tmp_path: Path) -> None:
    write_record(tmp_path / "raw" / "a", beats(1))
    (tmp_path / "own.csv").write_text("path,report\na.hea,Sinusrhythmus. Infarkt nicht xyzzy plugh xyzzy\n")
    command = ("data", "build", "table", "--raw", tmp_path / "raw", "--csv", tmp_path / "own.csv")
    _, out, _ = run(*command, "--out", tmp_path / "store", "--language", "de")
    assert out.splitlines() == [
        f"{tmp_path / 'store'}: 1 records",
        "flagged, report not understood: 1",
        "reports not understood: 1 (statements keep their own words)",
        "unknown words in reports: 3, most often xyzzy (2), plugh (1)",
    ]


def test_build_prints_machine_lines_that_stay_as_they_are(run: Run, tmp_path: Path) -> None:
    known, unknown = ["Sinus rhythm", "1st degree A-V block"], "Plugh pattern, possible"
    lines = [[*known, unknown], [unknown, "Xyzzy, NOS"]]
    raw = make_mimic(tmp_path / "raw", [mimic_signal(0), mimic_signal(1)], lines)
    _, out, _ = run("data", "build", "mimic-iv-ecg", "--raw", raw, "--out", tmp_path / "store")
    assert out.splitlines() == [
        f"{tmp_path / 'store'}: 2 records",
        "statements kept as they are, with a word outside the vocabulary: 3, most often:",
        "  2  plugh pattern, possible",
        "  1  xyzzy, nos",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ptb-xl", "--raw", "{tmp}/raw", "--language", "fr"), "--language: 'fr', wanted en, de, sv or auto"),
        (("ptb-xl", "--raw", "{tmp}/empty"), "no ptbxl_database.csv found, wanted the folder of ptb-xl"),
        (("ptb-xl", "--raw", "{tmp}/nowhere"), "nowhere: no such folder"),
        (("ptb-xl",), "ptb-xl: no folder given, wanted --raw with the folder of ptb-xl"),
        (("ptb-xl", "--raw", "{tmp}/raw"), "ptb-xl: 2 of 4 recordings are missing on disk; --allow-missing"),
        (("ptb-xl", "--raw", "{tmp}/raw", "--allow-missing", "--strict"), "0 samples, the header says 5000"),
        (("ptb-xl", "--raw", "{tmp}/raw", "--rate", "0"), "--rate: 0, wanted more than 0"),
        (("mimic", "--raw", "{tmp}/raw"), "corpus: found 'mimic', wanted one of chapman-shaoxing, code-15"),
    ],
)  # fmt: skip
def test_invalid_input_prints_one_line_and_writes_no_files(
    run, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    make_tree(tmp_path / "raw", 2, listed=4)
    (tmp_path / "raw/records500/00000/00001_hr.dat").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    filled = [word.replace("{tmp}", str(tmp_path)) for word in words]
    refused(run("data", "build", *filled, "--out", tmp_path / "store"), message)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["info", "verify"])
def test_not_a_store(run: Run, tmp_path: Path, command: str) -> None:
    code, out, err = run("data", command, tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert err == f"melp: {tmp_path / 'nothing'}: no store (no manifest.json); run `melp data build`\n"
    (tmp_path / "half.building").mkdir()
    code, out, err = run("data", command, tmp_path / "half")
    assert code == 2 and err.count("\n") == 1 and "its build did not finish" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read any file")
def test_a_file_that_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 1)
    (raw / "ptbxl_database.csv").chmod(0)
    code, _, err = run("data", "build", "ptb-xl", "--raw", raw, "--out", tmp_path / "store")
    assert code == 2 and err == f"melp: {raw / 'ptbxl_database.csv'}: Permission denied\n"


def test_a_path_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", 1)
    (tmp_path / "file").write_text("x")
    code, _, err = run("data", "build", "ptb-xl", "--raw", raw, "--out", tmp_path / "file" / "store")
    *_, last = err.splitlines()
    assert code == 2 and last.startswith("melp: ") and last.endswith("Not a directory")


def test_importing_melp_imports_neither_torch_nor_transformers() -> None:
    script = (
        "import sys, melp, melp.cli, melp.cli.data\n"
        "assert not {'torch', 'transformers', 'wfdb', 'pandas'} & set(sys.modules), 'heavy'\n"
        "melp.read\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_synthetic_corpus(run: Run, tmp_path: Path) -> None:
    command = ("data", "build", "synthetic", "--records", "6", "--rate", "100", "--seconds", "4")
    assert run(*command, "--seed", "3", "--out", tmp_path / "one")[0] == 0
    assert run(*command, "--seed", "3", "--out", tmp_path / "two")[0] == 0
    assert run(*command, "--seed", "4", "--out", tmp_path / "three")[0] == 0
    one, two, three = (
        (tmp_path / name / "shards/00000.npy").read_bytes() for name in ("one", "two", "three")
    )
    assert one == two != three and len(one) == 128 + 6 * 12 * 400 * 2


def test_table_of_recordings(run: Run, tmp_path: Path) -> None:
    write_record(tmp_path / "raw" / "one", beats(1))
    (tmp_path / "own.csv").write_text("path,fold,age,AFIB\none,10,40,1\n")
    command = ("data", "build", "table", "--raw", tmp_path / "raw", "--out", tmp_path / "store")
    code, out, _ = run(*command, "--csv", tmp_path / "own.csv", "--compress")
    assert (code, out.splitlines()[0]) == (0, f"{tmp_path / 'store'}: 1 records")
    assert (tmp_path / "store/shards/00000.npy.zst").is_file()
    code, out, _ = run("data", "info", tmp_path / "store", "--plot", tmp_path / "store.png")
    assert code == 0 and "AFIB" in out and f"{tmp_path / 'store.png'}: plotted" in out
    assert (tmp_path / "store.png").is_file()
    (tmp_path / "own.csv").write_text("path,fold\none,old\n")
    code, out, err = run(*command[:-1], tmp_path / "other", "--csv", tmp_path / "own.csv")
    wanted = (
        f"melp: {tmp_path / 'own.csv'}: row 2: column fold: 'old' found, wanted a whole number from 1 to 10"
    )
    assert (code, out, err.splitlines()[-1]) == (2, "", wanted)
    assert not list(tmp_path.glob("other*"))


def test_evaluation_on_a_task_file(run: Run, tiny_run: Path, tmp_path: Path) -> None:
    for number in range(12):
        write_record(tmp_path / "raw" / f"r{number}", beats(number))
    rows = [f"r{number},{10 if number > 7 else 1},{number % 2}" for number in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(["path,fold,AFIB", *rows]))
    classes = "AF: {codes: [AFIB], prompts: [atrial fibrillation]}"
    (tmp_path / "own.yaml").write_text(f"every_record: true\nclasses:\n  {classes}\n")
    command = ("data", "build", "table", "--raw", tmp_path / "raw", "--csv", tmp_path / "own.csv")
    assert run(*command, "--rate", "100", "--out", tmp_path / "store")[0] == 0
    words = ("--task", tmp_path / "own.yaml", "--data", tmp_path / "store", "--out", tmp_path / "results")
    for name in ("zero-shot", "probe"):
        code, out, err = run(name, tiny_run, *words)
        assert code == 0 and "own" in out, err
    assert run("results", tmp_path / "results")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "results/results.jsonl").read_text().splitlines()]
    assert {(line["task"], line["fraction"], line["n"]) for line in lines} == {("own", 0, 4), ("own", 100, 4)}


def test_download_and_build(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, site = make_tree(tmp_path / "ptb-xl", 3), Site(account=("ann", "secret"))
    (published / "scp_statements.csv").write_text("code\n")
    site.publish("ptb-xl/1.0.3", published)
    with serving(site):
        command = ("data", "download", "ptb-xl", "--out", tmp_path / "raw", "--mirror", site.address)
        code, out, err = run(*command)
        assert (code, out) == (2, "") and "wanted --user NAME" in err.splitlines()[-1]
        monkeypatch.delenv("PHYSIONET_PASSWORD", raising=False)
        monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
        code, _, err = run(*command, "--user", "ann")
        assert (code, err) == (2, "melp: PHYSIONET_PASSWORD: not set, wanted the password of ann\n")
        monkeypatch.setenv("PHYSIONET_PASSWORD", "secret")
        code, out, err = run(*command, "--user", "ann", "--records", "2")
    assert code == 0 and "secret" not in out + err
    assert out.splitlines()[0].startswith(f"{tmp_path / 'raw'}: 6 files, 6 of them downloaded (0.2 MB)")
    code, out, _ = run(
        "data", "build", "ptb-xl", "--raw", tmp_path / "raw", "--out", tmp_path / "store", "--allow-missing"
    )
    assert code == 0 and out.splitlines()[0].endswith("2 records")


def test_text_of_stores(run: Run, synthetic_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "corpus.parquet"
    code, out, _ = run("data", "text", f"{synthetic_store},{synthetic_store}", "--out", file)
    assert (code, out) == (0, f"{file}: 240 texts\n")
    code, out, err = run("data", "text", tmp_path / "nothing", "--out", tmp_path / "other.parquet")
    assert (code, out) == (2, "") and "no store" in err and not (tmp_path / "other.parquet").exists()
