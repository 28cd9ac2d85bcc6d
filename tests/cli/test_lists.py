"""`melp methods`, `melp tasks`, `melp recipes` and `melp encoders`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import pytest

import melp
from melp.methods import get_method, list_methods
from melp.methods._options import Option, list_options
from melp.nn import build_encoder, list_encoders
from small_cli import Run, refused


def test_the_list_has_every_method_with_its_needs_and_its_paper(run: Run) -> None:
    rows = [line.split("\t") for line in run("methods")[1].splitlines()]
    for name in melp.list_methods():
        method = get_method(name)
        assert [name, ", ".join(method.needs), method.paper] in rows


@pytest.mark.parametrize("name", melp.list_methods())
def test_a_method_is_described_with_its_formula_and_every_option(run: Run, name: str) -> None:
    code, text, _ = run("methods", name)
    method = get_method(name)
    assert code == 0 and "In words:" in text and f"recipes: {name}/" in text
    options = {option.name: option for option in list_options(method.Config)}
    assert list(options) == [one.name for one in fields(method.Config)]
    defaults = method.Config()
    for key, option in options.items():
        assert option.default == getattr(defaults, key)
        (meaning,) = (line for line in text.splitlines() if line.startswith(f"method.{key}="))
        assert meaning.split("\t")[1] == " ".join(option.meaning.split())


def test_an_unknown_method(run: Run) -> None:
    names = ", ".join(list_methods())
    refused(run("methods", "clip"), f"method: 'clip' found, wanted one of {names}")


def test_the_list_has_every_encoder_with_its_size(run: Run) -> None:
    code, out, _ = run("encoders")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in out.splitlines()[1:]}
    assert code == 0 and set(list_encoders()) <= set(rows)
    assert melp.list_encoders() == list_encoders()
    for name, rate in (("resnet18_narrow", 100), ("wav2vec2_tiny", 100), ("st_mem_narrow", 100)):
        encoder = build_encoder(name)
        millions = sum(weight.numel() for weight in encoder.parameters()) / 1e6
        frames = encoder.frame_count(1000) / 10
        assert rows[name] == [f"{millions:.1f} M", str(encoder.dim), str(rate), f"{frames:g}", encoder.needs]
    assert rows["wav2vec2_small"][:3] == ["62.0 M", "768", "500"]


def test_the_list_has_every_format(run: Run) -> None:
    code, out, _ = run("formats")
    rows = [line.split("\t") for line in out.splitlines()[1:]]
    assert code == 0 and [row[0] for row in rows] == [one.name for one in melp.list_formats()]
    assert ["DICOM", ".dcm", "yes"] in rows and ["ISHNE", ".ecg", ""] in rows


def test_an_encoder_is_described_with_its_sizes(run: Run) -> None:
    code, out, _ = run("encoders", "heartlang_narrow")
    assert code == 0
    assert "sizes for 100 Hz" in out and "HeartLang (Jin et al. 2025)" in out
    assert "layers=3" in out and "Transformer layers" in out and "slots=256" in out


def test_an_unknown_encoder(run: Run) -> None:
    names = ", ".join(list_encoders())
    refused(run("encoders", "resnet"), f"encoder: 'resnet' found, wanted one of {names}")


def test_tasks_are_listed_with_their_classes(run: Run) -> None:
    rows = [line.split("\t") for line in run("tasks")[1].splitlines()]
    assert [row[0] for row in rows[1:]] == melp.list_tasks() and [
        row[2] for row in rows if row[0] == "ptbxl-super"
    ] == ["5"]
    text = run("tasks", "ptbxl-super")[1]
    assert "folds: train 1 2 3 4 5 6 7 8, validation 9, test 10" in text and "\nNORM\tNORM\t" in text
    refused(run("tasks", "ptbxl"), "task: found 'ptbxl', wanted a YAML file or one of")


def test_recipes_are_listed_and_printed(run: Run) -> None:
    rows = [line.split("\t") for line in run("recipes")[1].splitlines()]
    assert [row[1] for row in rows[1:]] == melp.list_recipes() and ["melp", "melp/laptop"] in rows
    assert "method:" in run("recipes", "melp/laptop")[1]
    refused(run("recipes", "melp/huge"), "recipe: 'melp/huge' found")


@dataclass(frozen=True)
class Base:
    """Shared options."""

    width: int = 3
    """How wide."""
    depth: int = 2
    """How deep,
    in layers."""


@dataclass(frozen=True)
class Special(Base):
    """Options of one method."""

    depth: int = 5
    extra: list[int] = field(default_factory=lambda: [1])
    """More."""


def test_options_are_read_from_a_dataclass_and_its_bases() -> None:
    assert list_options(Special) == [
        Option("width", 3, "How wide."),
        Option("depth", 5, "How deep, in layers."),
        Option("extra", [1], "More."),
    ]
