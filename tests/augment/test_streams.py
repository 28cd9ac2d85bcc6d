"""Each draw of random numbers has a stream of its own."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor

import melp
from melp.augment import random
from melp.augment.streams import Stream
from melp.methods import list_methods
from melp.text.pretraining import MaskedLanguageModel
from small_methods import Workshop

SOURCE = Path(melp.__file__).parent
FORMS = [(name, ()) for name in list_methods()]
FORMS += [("heartlang", ("stage=codebook",)), ("simclr", ("augmentation=fairseq_signals",))]


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def test_no_two_streams_are_equal() -> None:
    values = [member.value for member in Stream.__members__.values()]
    assert len(set(values)) == len(values) == len(Stream)
    # Whether a transform is applied is drawn with the transform's own keys.
    numbers = [stream.number for stream in Stream]
    assert numbers.count(Stream.IS_APPLIED.number) == 1


def draws() -> list[tuple[str, ast.Call]]:
    """Return every call of `uniform` and `normal` of melp.augment.random, with its file."""
    found = []
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        named = {name.name for node in imports if node.module == "melp.augment.random" for name in node.names}
        found += [
            (str(file.relative_to(SOURCE)), node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in named & {"uniform", "normal"}
        ]
    return found


def test_every_draw_names_its_stream() -> None:
    assert len(draws()) > 20
    for file, call in draws():
        (stream,) = [word.value for word in call.keywords if word.arg == "stream"]
        # A name, or the parameter of the function that draws.
        assert ast.unparse(stream).startswith("Stream.") or ast.unparse(stream) == "stream", (
            file,
            call.lineno,
        )


def test_every_stream_serves_one_purpose() -> None:
    uses = Counter(
        node.attr
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Stream"
    )
    assert uses == dict.fromkeys(Stream.__members__, 1)


def states_of_draws(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Record from now on the state that each draw starts from, one number per record."""
    states, combine = list[Tensor](), random.combine

    def recorded(*keys: Tensor | int) -> Tensor:
        states.append(combine(*keys))
        return states[-1]

    monkeypatch.setattr(random, "combine", recorded)
    return states


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_no_two_draws_of_a_step_share_their_numbers(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, name: str, form: tuple[str, ...]
) -> None:
    method, batch = workshop.method(name, form).train(), workshop.batch(name)
    states = states_of_draws(monkeypatch)
    method(batch)
    if states:
        joined = torch.cat(states)
        assert len(joined.unique()) == len(joined)
    assert states or name in ("clocs", "merl"), "nothing is drawn"


def test_masked_words(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    states = states_of_draws(monkeypatch)
    MaskedLanguageModel(workshop.language)(workshop.batch("melp"))
    assert [len(state.unique()) for state in states] == [8]
