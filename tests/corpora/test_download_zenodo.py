from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from melp.corpora import code_15
from melp.corpora.downloads import download as downloads
from melp.corpora.downloads.download import download
from melp.corpora.downloads.fetch import Fetcher
from melp.errors import MelpError
from small_server import Site, serving


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(downloads, "Fetcher", lambda *args: Fetcher(*args, patience=0.001))
    with serving(Site()) as site:
        yield site


def test_zenodo(site: Site, tmp_path: Path) -> None:
    """The archives with the first recordings are fetched, compared with their MD5 and unpacked."""
    record = code_15.SOURCE.record
    files = {name: name.encode() * 50 for name in code_15.SOURCE.tables}
    for name in code_15.SOURCE.archives:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name.replace(".zip", ".hdf5"), name * 1000)
        files[name] = packed.getvalue()
    sums = [{"key": name, "checksum": f"md5:{hashlib.md5(data).hexdigest()}"} for name, data in files.items()]
    site.files = {f"records/{record}": json.dumps({"files": sums}).encode()}
    site.files |= {f"records/{record}/files/{name}/content": data for name, data in files.items()}
    first, second = code_15.SOURCE.archives[:2]
    site.cuts[f"records/{record}/files/{first}/content"] = [10]
    count = code_15.SOURCE.records_each
    done = download("code-15", tmp_path, mirror=site.address, records=count + 1)
    assert (done.files, done.fetched) == (len(code_15.SOURCE.tables) + 2, len(code_15.SOURCE.tables) + 2)
    unpacked = {name: (tmp_path / name.replace(".zip", ".hdf5")).read_text() for name in (first, second)}
    assert unpacked == {first: first * 1000, second: second * 1000}
    assert sorted(file.name for file in tmp_path.glob("*.hdf5")) == sorted(
        name.replace(".zip", ".hdf5") for name in (first, second)
    )
    site.requests.clear()
    assert download("code-15", tmp_path, mirror=site.address, records=count).fetched == 0
    assert site.requests == []
    site.files[f"records/{record}"] = b"{}"
    with pytest.raises(MelpError, match="not a record of Zenodo"):
        download("code-15", tmp_path / "other", mirror=site.address)
