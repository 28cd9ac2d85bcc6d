"""Prompts against the definitions of their classes."""

from __future__ import annotations

import re

import pytest

from melp.tasks import get_task, list_tasks

# A rhythm and its rate are counted, so that no report hedges them.
MEASURED = ("STACH", "SBRAD", "SR", "SARRH", "AFIB", "AFLT", "SVTAC", "PSVT", "ST", "SB", "SA", "SVT", "AF")
HEDGE = re.compile(r"\b(possibl[ey]|probabl[ey]|cannot|consider|suspect)\b")


@pytest.mark.parametrize("name", list_tasks())
def test_prompts_differ_in_more_than_punctuation(name: str) -> None:
    for label, prompts in get_task(name).prompts.items():
        assert len({re.sub("[^a-z0-9 ]", "", prompt) for prompt in prompts}) == len(prompts), label


@pytest.mark.parametrize("name", list_tasks())
def test_a_class_does_not_have_the_words_of_another(name: str) -> None:
    """No prompt of a class is a prompt of another one of the same task, apart from punctuation."""
    prompts = get_task(name).prompts
    owner = {prompt.replace(",", ""): label for label, texts in prompts.items() for prompt in texts}
    for label, texts in prompts.items():
        assert all(owner[prompt.replace(",", "")] == label for prompt in texts)


@pytest.mark.parametrize("name", list_tasks())
def test_rates_and_rhythms_are_not_hedged(name: str) -> None:
    prompts = get_task(name).prompts
    for label in prompts.keys() & set(MEASURED):
        assert not [prompt for prompt in prompts[label] if HEDGE.search(prompt)], label


def test_prompts_say_what_the_code_means() -> None:
    form, rhythm, csn = (get_task(name).prompts for name in ("ptbxl-form", "ptbxl-rhythm", "csn"))
    # "high QRS voltage"; a voltage at the upper limit of normal is normal.
    assert all("high" in prompt and "voltage" in prompt for prompt in form["HVOLT"])
    # Premature complexes of any origin.
    assert not re.search("ventricular|atrial|junctional", " ".join(form["PRC(S)"]))
    assert all("paroxysm" in prompt for prompt in rhythm["PSVT"])
    assert not any("paroxysm" in prompt for prompt in rhythm["SVTAC"] + csn["SVT"])
    assert not any("flutter" in prompt for prompt in rhythm["AFIB"])
    # SNOMED CT 164930006, ST interval abnormal, and not a long one.
    assert all("st " in prompt and "prolong" not in prompt for prompt in csn["STE"])
    for task in list_tasks():
        for prompts in get_task(task).prompts.values():
            assert not any(re.search("upper limit|leftward|rightward|absolute", prompt) for prompt in prompts)
