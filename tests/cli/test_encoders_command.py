"""`melp encoders`."""

from __future__ import annotations

import pytest

import melp
from melp.cli import main
from melp.nn import build_encoder, list_encoders


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[str, str, int]:
        monkeypatch.setattr("sys.argv", ["melp", *words])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return out, err, int(stop.value.code or 0)

    return run


def test_lists_every_encoder_with_its_size(run) -> None:
    out, _, code = run("encoders")
    lines = {line.split()[0]: line for line in out.splitlines()[1:] if line.strip()}
    assert code == 0 and set(list_encoders()) <= set(lines)
    assert melp.list_encoders() == list_encoders()
    for name, rate in (("resnet18_narrow", 100), ("wav2vec2_tiny", 100), ("st_mem_narrow", 100)):
        encoder = build_encoder(name)
        millions = sum(weight.numel() for weight in encoder.parameters()) / 1e6
        shown = lines[name].split()
        assert shown[1:6] == [
            f"{millions:.1f}", "M", str(encoder.dim), str(rate), f"{encoder.frame_count(1000) / 10:g}"
        ]  # fmt: skip
    assert lines["wav2vec2_small"].split()[1:5] == ["62.0", "M", "768", "500"]


def test_describes_one(run) -> None:
    out, _, code = run("encoders", "heartlang_narrow")
    assert code == 0
    assert "sizes for 100 Hz" in out and "HeartLang (Jin et al. 2025)" in out
    assert "layers=3" in out and "Transformer layers" in out and "slots=256" in out


def test_an_unknown_one(run) -> None:
    _, err, code = run("encoders", "resnet")
    assert code == 2 and err.startswith("melp: encoder: 'resnet' found, wanted one of ")
    assert "heartlang_base" in err
