"""`melp methods`: the list and the description of each."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields

import pytest

import melp
from melp.cli import main
from melp.methods import get_method, list_methods
from melp.methods._options import Option, list_options


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys, "argv", ["melp", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    found = capsys.readouterr()
    assert not ended.value.code, found.err
    return found.out


def test_the_list_names_every_method_what_it_needs_and_its_paper(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(monkeypatch, capsys, "methods").splitlines()
    for name in melp.list_methods():
        (line,) = (line for line in lines if line.split()[:1] == [name])
        kind = get_method(name)
        assert ", ".join(kind.needs) in line and kind.paper in line


@pytest.mark.parametrize("name", melp.list_methods())
def test_a_method_is_described_with_its_formula_and_every_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text = run(monkeypatch, capsys, "methods", name)
    kind = get_method(name)
    assert "In words:" in text and f"recipes: {name}/" in text
    options = {option.name: option for option in list_options(kind.Config)}
    assert list(options) == [each.name for each in fields(kind.Config)]
    defaults = kind.Config()
    for key, option in options.items():
        assert f"method.{key}=" in text and option.default == getattr(defaults, key)
        assert " ".join(option.meaning.split()[:3]) in text


def test_a_method_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["melp", "methods", "clip"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    known = ", ".join(list_methods())
    assert f"method: 'clip' found, wanted one of {known}" in capsys.readouterr().err


@dataclass(frozen=True)
class Base:
    """Options of all."""

    width: int = 3
    """How wide."""
    depth: int = 2
    """How deep,
    in layers."""


@dataclass(frozen=True)
class Special(Base):
    """Options of one."""

    depth: int = 5
    extra: list[int] = field(default_factory=lambda: [1])
    """More."""


def test_options_are_read_from_a_dataclass_and_its_bases() -> None:
    assert list_options(Special) == [
        Option("width", 3, "How wide."),
        Option("depth", 5, "How deep, in layers."),
        Option("extra", [1], "More."),
    ]
