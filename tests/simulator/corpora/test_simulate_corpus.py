"""A simulation has the same bytes every time, also if it was killed, and refuses what it cannot do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from melp.errors import MelpError
from melp.locks import locked
from melp.simulator.corpora import get_simulated, list_simulated, write
from melp.simulator.corpora._catalogue import not_drawn
from melp.simulator.corpora._draw import Drawn, defect_of
from melp.simulator.corpora.write import simulate_corpus

RECORDS = 8


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "_PART", 3)


@pytest.mark.parametrize("name", list_simulated())
def test_killed_and_resumed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digests(simulate_corpus(name, tmp_path / "whole", RECORDS).path)
    corpus, out = get_simulated(name), tmp_path / "out"
    write_recording, write_tables = corpus.write_recording, corpus.write_tables
    written: list[int] = []

    def killed(folder: Path, parts: Path, drawn: Drawn) -> dict[str, object]:
        before = set(tmp_path.rglob("*"))
        row = write_recording(folder, parts, drawn)
        written.append(drawn.index)
        if len(written) == 5:
            for file in filter(Path.is_file, set(tmp_path.rglob("*")) - before):
                file.write_bytes(file.read_bytes()[:100])
            raise KeyboardInterrupt
        return row

    def killed_later(*arguments: object) -> None:
        write_tables(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "write_recording", killed)
    with pytest.raises(KeyboardInterrupt):
        simulate_corpus(name, out, RECORDS)
    assert not out.exists() and written == list(range(5))
    monkeypatch.setattr(corpus, "write_tables", killed_later)
    with pytest.raises(KeyboardInterrupt):
        simulate_corpus(name, out, RECORDS)
    # The first three were complete.
    assert not out.exists() and written[5:] == list(range(3, RECORDS))
    monkeypatch.setattr(corpus, "write_tables", write_tables)
    done = simulate_corpus(name, out, RECORDS)
    assert digests(out) == whole and done.written and len(written) == 5 + RECORDS - 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_an_other_simulation_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as context:
        context.setattr(get_simulated("csn"), "write_tables", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            simulate_corpus("csn", out, RECORDS, seed=1)
    assert digests(simulate_corpus("csn", out, 5).path) == digests(
        simulate_corpus("csn", tmp_path / "b", 5).path
    )


def _interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_existing_folders(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert simulate_corpus("csn", out, 6).written
    before = digests(out)
    done = simulate_corpus("csn", out, 6)
    assert not done.written and done.records == 6 and digests(out) == before
    for arguments in (("csn", 7, 0), ("csn", 6, 1), ("ptb-xl", 6, 0)):
        with pytest.raises(MelpError, match="out: contains a different simulation; remove it, or choose"):
            simulate_corpus(arguments[0], out, *arguments[1:])
    assert digests(out) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    with pytest.raises(MelpError, match="other: exists and is not a simulated corpus"):
        simulate_corpus("csn", tmp_path / "other", 6)
    with (
        locked(tmp_path / "c", "simulation"),
        pytest.raises(MelpError, match="another simulation is running"),
    ):
        simulate_corpus("csn", tmp_path / "c", 6)


def test_seeds_differ_and_more_records_begin_with_the_fewer(tmp_path: Path) -> None:
    few, more, other = (
        digests(simulate_corpus("csn", tmp_path / str(number), records, seed).path)
        for number, (records, seed) in enumerate(((4, 0), (6, 0), (4, 1)))
    )
    recordings = [file for file in few if file.endswith(".mat")]
    assert len(recordings) >= 3
    for file in recordings:
        assert few[file] == more[file] != other.get(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("mimic", "out", 5),
            "corpus: found 'mimic', wanted one of code-test, cpsc2018, csn, mimic-iv-ecg",
        ),
        (("cpsc2018", "out", 10000), "--records: found 10000, wanted 1 to 9999 for cpsc2018"),
        (("csn", "out", 0), "--records: found 0, wanted 1 to"),
        (
            ("csn", "out", 9, 0, Path("splits")),
            "found 9, wanted 50 or more for --published-splits",
        ),
        (
            ("code-test", "out", 60, 0, Path("splits")),
            "code-test has no published label files",
        ),
    ],
)
def test_bad_input(tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    name, _, *rest = arguments
    with pytest.raises(MelpError, match=message):
        simulate_corpus(str(name), tmp_path / "out", *rest)
    assert not list(tmp_path.iterdir())


def test_each_defect_once_in_a_hundred() -> None:
    defects = ("a", "b", "duplicate")
    found = [defect_of(index, 7, defects) for index in range(300)]
    for start in range(0, 300, 100):
        assert sorted(filter(None, found[start : start + 100])) == ["a", "b", "duplicate"]
    assert not any(found[::2]) and found[:100] != found[100:200]


def test_classes_that_are_not_drawn() -> None:
    assert not_drawn("cpsc2018", "cpsc2018") == [] == not_drawn("code-test", "code-test")
    assert not_drawn("ptb-xl", "ptbxl-super") == []
    assert not_drawn("csn", "csn") == [] == not_drawn("ptb-xl", "ptbxl-rhythm")
    assert not_drawn("ptb-xl", "ptbxl-sub") == ["SEHYP"]


def test_cpsc_has_one_to_three_classes() -> None:
    accepts = get_simulated("cpsc2018").LAYOUT.accepts
    assert accepts({"AFIB", "CRBBB", "PVC"}) and accepts({"NORM"}) and accepts({"LVH", "DIG"})
    assert not accepts({"AFIB", "CRBBB", "PVC", "ISC"}) and not accepts({"LVH", "AFLT"})
