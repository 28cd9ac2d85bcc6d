"""What an error says is wanted instead of an unknown name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from melp.errors import MelpError, one_of
from melp.evaluation.layouts.layout import get_layout
from melp.methods import get_method
from melp.plans import read_plan
from melp.recipes import load_recipe
from melp.tasks import get_task


def test_the_nearest_name_is_suggested_if_one_is_near() -> None:
    assert (
        one_of("simclrr", ["byol", "simclr", "simsiam"])
        == "one of byol, simclr, simsiam; did you mean simclr?"
    )
    assert one_of("vision", ["byol", "simclr"]) == "one of byol, simclr"
    assert one_of("s", {}) == "one of none"


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: get_method("mocov3"), "moco_v3"),
        (lambda: get_task("ptbxl-supr"), "ptbxl-super"),
        (lambda: load_recipe("melp", "melp/labtop"), "melp/laptop"),
        (lambda: read_plan("linear-probe"), "paper/linear-probe"),
        (lambda: get_layout("liner-probe"), "linear-probe"),
    ],
)
def test_names_of_every_kind_have_a_suggestion(call: Callable[[], object], near: str) -> None:
    with pytest.raises(MelpError) as error:
        call()
    assert str(error.value).endswith(f"; did you mean {near}?")
