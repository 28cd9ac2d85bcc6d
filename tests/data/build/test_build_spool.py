"""The listing of a corpus, written to disk and read back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from melp.corpora import Entry, Listing
from melp.data.build.spool import PRESENT, TEXTS, read_chunk, spool

text = st.text(max_size=8)
entries = st.builds(
    Entry,
    id=st.uuids().map(str),
    patient=text,
    fold=st.integers(1, 10),
    labels=st.lists(text, max_size=3).map(tuple),
    report=text,
    statements=st.none() | st.lists(text, max_size=3).map(tuple),
    age=st.just(math.nan) | st.floats(0, 120),
    sex=st.sampled_from(["", "female", "male"]),
    source=st.none() | text | st.integers() | st.dictionaries(text, text, max_size=2),
    refused=st.sampled_from(["", "report under 4 words"]),
)


def same_entry(first: Entry, second: Entry) -> bool:
    """Return whether two entries are equal, with NaN equal to NaN."""
    return repr(first) == repr(second)


@settings(max_examples=60, deadline=None)
@given(listed=st.lists(entries, max_size=9), chunk=st.integers(1, 4))
def test_entries_round_trip(tmp_path_factory, listed: list[Entry], chunk: int) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spooled = spool(Listing(iter(listed), (1, 2, 3)), folder, None, chunk, lambda: None)
    present = [entry for entry in listed if entry.source is not None]
    texts = [entry for entry in listed if entry.source is None and entry.fold < 4 and not entry.refused]
    assert (spooled.present, spooled.texts) == (len(present), len(texts))
    assert spooled.missing == len(listed) - len(present)
    for kind, expected in ((PRESENT, present), (TEXTS, texts)):
        chunks = [read_chunk(folder, kind, number) for number in range(-(-len(expected) // chunk))]
        assert all(len(entries) == chunk for entries in chunks[:-1])
        assert len(list((folder / kind).iterdir())) == len(chunks)
        loaded = [entry for chunk in chunks for entry in chunk]
        assert len(loaded) == len(expected) and all(map(same_entry, loaded, expected))


def test_digest_depends_only_on_the_entries() -> None:
    def digest(raw: str, chunk: int = 2, fold: int = 1, reverse: bool = False) -> str:
        listed = [
            Entry("1", "a", fold, source=f"{raw}/one"),
            Entry("2", "b", 1, source=f"{raw}/two"),
            Entry("3", "c", 1),
        ]
        listing = Listing(iter(listed[::-1] if reverse else listed))
        return spool(listing, None, Path(raw), chunk, lambda: None).digest

    assert digest("/here") == digest("/some/where else") == digest('/wör"ter\\', chunk=1)
    assert len({digest("/here"), digest("/here", fold=2), digest("/here", reverse=True)}) == 3


def test_listing_is_streamed(tmp_path: Path) -> None:
    written: list[int] = []

    def listed() -> Iterator[Entry]:
        for number in range(10):
            folder = tmp_path / PRESENT
            written.append(len(list(folder.iterdir())))
            yield Entry(str(number), "p", 1, source=number)

    spool(Listing(listed()), tmp_path, None, 2, lambda: None)
    # Each chunk is on disk before the next entry is requested.
    assert written == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
