"""The quickstart: its steps, resuming, and its page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from melp.errors import MelpError
from melp.quickstart import path
from melp.quickstart.path import quickstart, unused_folds
from melp.quickstart.results import SYSTEMS, class_table, comparison, comparison_rows, predictions
from melp.quickstart.steps import Steps, digest
from melp.tasks import get_task
from small_ptb_xl import make_tree

OPTIONS: dict[str, Any] = {
    "records": 110,
    "recipe": "melp/tiny",
    "options": ["training.epochs=1", "stage1.training.max_steps=3"],
}
VOID = {"meta", "path", "input", "image"}


def fail(*_: object, **__: object) -> None:
    pytest.fail("a step was repeated")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quickstart that was stopped in the training with labels."""
    out = tmp_path_factory.mktemp("quickstart") / "out"

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "finetune", stop)
        with pytest.raises(KeyboardInterrupt):
            quickstart(out, **OPTIONS)
    assert not (out / "report.html").exists()
    assert list(json.loads((out / "steps.json").read_text())) == [
        "store",
        "training",
        "zero-shot",
        "probe",
        "untrained",
    ]
    return out


@pytest.fixture(scope="module")
def page(killed: Path) -> Path:
    """The same quickstart, resumed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("zero_shot", "probe", "untrained"):
            patch.setattr(path, name, fail)
        return quickstart(killed, **OPTIONS)


def test_complete_steps_are_skipped(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        *page.parent.glob("results/cells/*"),
        *page.parent.glob("reports/*.*"),
        *page.parent.glob("run/*.safetensors"),
    ]
    before = {file: file.stat().st_mtime_ns for file in files}
    for name in ("zero_shot", "probe", "untrained", "finetune", "generate"):
        monkeypatch.setattr(path, name, fail)
    content = page.read_text()
    assert quickstart(page.parent, **OPTIONS) == page
    assert {file: file.stat().st_mtime_ns for file in files} == before and len(files) == 11
    assert page.read_text().partition("<footer>")[0] == content.partition("<footer>")[0]


def test_comparison_has_four_systems_and_their_labels(page: Path) -> None:
    task = get_task("synthetic")
    areas = comparison(page.parent / "results")
    assert list(areas) == list(SYSTEMS) == ["zero-shot", "probe", "untrained", "supervised"]
    labels = ["none", "for the probe", "for the probe", "for the whole encoder"]
    assert [system.labels for system in SYSTEMS.values()] == labels
    classes = class_table(page.parent / "results", task)
    text = page.read_text()
    for key, table in areas.items():
        area = table.loc["synthetic"]
        assert area["lo"] <= area["value"] <= area["hi"] and f"<b>{area['value']:.3f}</b>" in text
        assert f"<small>labels: {SYSTEMS[key].labels}</small>" in text
        values = classes[key].dropna()
        assert area["value"] == pytest.approx(sum(values) / len(values))
        assert set(values.index) | set(area["left_out"]) == set(task.classes)
        assert all(f">{value:.3f}</td>" in text for value in values)
    assert len({table.loc["synthetic", "value"] for table in areas.values()}) == 4, "four different systems"
    rows = comparison_rows(page.parent / "results")[1]
    value, low, high = areas["probe"].loc["synthetic", ["value", "lo", "hi"]]
    assert rows[1] == ["MELP, linear probe", "for the probe", f"{value:.3f} ({low:.3f} to {high:.3f})"]


def test_test_records_are_in_no_training(page: Path) -> None:
    index = pd.read_parquet(page.parent / "store" / "index.parquet").set_index("id")
    scores, labels = predictions(page.parent / "results", "synthetic")
    assert set(index.loc[scores.index, "fold"]) == {9, 10}
    for record in labels.index[:5]:
        assert set(labels.columns[labels.loc[record]]) <= set(index.loc[record, "labels"])


class Tags(HTMLParser):
    """Open tags, links and classes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.classes: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        links = [value for key, value in attributes if key in ("src", "href", "xlink:href") and value]
        self.outside += [link for link in links if not link.startswith(("data:image/png;base64,", "#"))]
        self.classes.append(values.get("class") or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_valid_and_self_contained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open and not tags.outside
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"' ]+", text)) == namespaces
    assert "@import" not in text and "<script" not in text and "{{" not in text and "{%" not in text
    assert "Not a medical device" in text and text.count("not for diagnosis") == 2


def test_page_shows_test_ecgs_with_reports_and_shading(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    articles = re.findall(r"<article>.*?</article>", text, re.S)
    assert len(articles) == 6
    index = pd.read_parquet(page.parent / "store" / "index.parquet").set_index("id")
    reports = pd.read_parquet(page.parent / "reports" / "reports.parquet").set_index("id")
    seen: set[str] = set()
    for article in articles:
        record = re.findall(r"<h3>Record (\S+)</h3>", article)[0]
        (paper,) = re.findall(r"<svg .*?</svg>", article, re.S)
        svg = ElementTree.fromstring(paper)
        statements = list(index.loc[record, "statements"])
        assert [f"<span>{text}</span>" in article for text in statements] == [True] * len(statements)
        layers = re.findall(r'id="ecg\d-layer-\d"', paper)
        assert len(layers) == article.count('type="radio"') == len(statements)
        assert article.count(" checked") == 1
        assert reports.loc[record, "generated"].split(". ")[0].rstrip(".") in article
        assert len(re.findall(r'class="rank( true)?"', article)) == 5
        assert len([line for line in svg.iter() if line.get("id", "").startswith("trace-")]) == 13
        new = set(index.loc[record, "labels"]) & set(get_task("synthetic").classes)
        assert new - seen
        seen |= new


def test_page_shows_training_and_validation_of_each_loss(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    curves = re.findall(r"<figure class=\"curve\".*?</figure>", text, re.S)
    assert len(curves) == 6, "stage 1, total loss, three losses, encoder with labels"
    logs = [page.parent / "run/text", *[page.parent / "run"] * 4, page.parent / "supervised/synthetic"]
    for curve, folder in zip(curves, logs, strict=True):
        assert 'id="train"' in curve and 'id="train-mean"' in curve
        validated = "validation/" in (folder / "log.jsonl").read_text()
        assert ('id="validation"' in curve) == validated == (folder.name != "text"), folder


def test_ptb_xl(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", records=60, rates=(100,), listed=70)
    table = pd.read_csv(raw / "ptbxl_database.csv")
    table["scp_codes"] = ["{'IMI': 100.0, 'AFIB': 0.0}", "{'NORM': 100.0, 'SR': 0.0}"] * 35
    # Each fold has a pair, and so both codes.
    table["strat_fold"] = (table["ecg_id"] - 1) // 2 % 10 + 1
    table.to_csv(raw / "ptbxl_database.csv", index=False)
    options = [*OPTIONS["options"], "training.batch_size=8", "method.local_weight=0"]
    arguments: dict[str, Any] = {"ptb_xl": raw, "recipe": "melp/tiny", "options": options}
    with pytest.raises(MelpError, match="--allow-missing"):
        quickstart(tmp_path / "out", **arguments)
    text = quickstart(tmp_path / "out", allow_missing=True, **arguments).read_text(encoding="utf-8")
    assert "MELP on PTB-XL" in text and "60 12-lead ECGs of PTB-XL" in text
    # No record has a label of ptbxl-form.
    tasks = ["ptbxl-super", "ptbxl-sub", "ptbxl-rhythm"]
    assert re.findall(r'<th class="number">(ptbxl-.*?)</th>', text) == tasks
    assert re.findall(r"<summary>AUROC of each class \((.*?)\)", text) == tasks
    assert 'type="radio"' not in text and "Choose a statement" not in text, "no beats to show"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(MelpError, match="not a quickstart"):
        quickstart(tmp_path, **OPTIONS)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_no_files_are_written_if_ptb_xl_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(MelpError, match="raw"):
        quickstart(tmp_path / "out", ptb_xl=tmp_path / "raw")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MelpError, match="records"):
        quickstart(tmp_path / "out", ptb_xl=tmp_path / "raw", records=300)


def test_steps_are_repeated_if_their_inputs_change(tmp_path: Path) -> None:
    done: list[str] = []
    output = tmp_path / "output"

    def work() -> None:
        done.append("work")
        output.touch()

    def steps(origin: str) -> None:
        Steps(tmp_path, 1, Console(quiet=True)).do("one", "One", work, origin, [output])

    steps("a")
    steps("a")
    assert len(done) == 1
    steps("b")
    assert len(done) == 2
    output.unlink()
    steps("b")
    assert len(done) == 3
    (tmp_path / "steps.json").write_text("{")
    with pytest.raises(MelpError, match="not JSON"):
        steps("b")


def test_digest_reads_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1")
    first = digest(file, (9, 10))
    assert first == digest(file, (9, 10)) and len(first) == 12
    assert first != digest(file, (9,))
    file.write_bytes(b"2")
    assert first != digest(file, (9, 10))


def test_test_folds(page: Path) -> None:
    from melp.data.store import Store
    from melp.recipes import load_recipe

    store = Store(page.parent / "store")
    assert unused_folds(store, load_recipe("melp", "melp/tiny")) == (9, 10)
    with pytest.raises(MelpError, match="no fold"):
        unused_folds(store, load_recipe("melp", "melp/tiny", ["data.train_folds=[1,2,3,4,5,6,7,9,10]"]))
