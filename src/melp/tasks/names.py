"""The labels of corpora in the controlled wording of reports and prompts, from `names.tsv`."""

from __future__ import annotations

from functools import cache

from melp.io.tables import read_packaged_tsv

_VOCABULARIES = {
    **{name: name for name in ("ptb-xl", "cpsc2018", "csn")},
    **dict.fromkeys(("code-15", "code-test"), "code"),
    **dict.fromkeys(("chapman-shaoxing", "ningbo", "georgia", "ptb", "cpsc2018-extra"), "challenge"),
    "st-petersburg-incart": "challenge",
}


@cache
def vocabularies() -> dict[str, dict[str, str]]:
    """Return the names of labels by vocabulary: ptb-xl, cpsc2018, csn, code, challenge and snomed."""
    names: dict[str, dict[str, str]] = {}
    for vocabulary, label, name, snomed in read_packaged_tsv("melp.tasks", "names", columns=4):
        names.setdefault(vocabulary, {})[label] = name
        if snomed:
            names.setdefault("snomed", {})[snomed] = name
    return names


def in_words(corpus: str, label: str) -> str:
    """Return the name of a label of `corpus`, or "" if it has none.

    A label that is a SNOMED CT code, as in CSN, has the name that it has in the challenge.
    """
    if corpus not in _VOCABULARIES:
        return ""
    return {**vocabularies()["snomed"], **vocabularies()[_VOCABULARIES[corpus]]}.get(label, "")
