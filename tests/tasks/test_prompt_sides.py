"""Sides: no prompt of a class names another side than the class."""

from __future__ import annotations

import re

import pytest

from melp.corpora.cpsc2018 import _CODES
from melp.tasks import get_task, list_tasks
from melp.tasks.names import vocabularies

OPPOSITES = (("left", "right"), ("complete", "incomplete"))
BOTH_WAYS = (*OPPOSITES, *((other, word) for word, other in OPPOSITES))
AXIS = re.compile("(left|right) axis deviation due to ")


# The superclasses hold findings of both sides.
@pytest.mark.parametrize("name", [name for name in list_tasks() if name != "ptbxl-super"])
def test_prompts_are_of_the_side_of_the_first(name: str) -> None:
    """The first prompt is the name of the class, which test_names.py compares with its code."""
    for label, prompts in get_task(name).prompts.items():
        first, *others = (set(re.findall(r"\w+", AXIS.sub("", prompt))) for prompt in prompts)
        for word, other in BOTH_WAYS:
            if word in first and other not in first:
                assert not any(other in words for words in others), f"{label} is {prompts[0]!r}: {prompts}"


def test_codes_of_cpsc_2018_mean_its_classes() -> None:
    names = vocabularies()
    # Its normal class is every recording in sinus rhythm without another finding.
    for code, label in _CODES.items():
        assert names["snomed"][code] == ("sinus rhythm" if label == "NORM" else names["cpsc2018"][label])
