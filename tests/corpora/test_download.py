"""Downloads from a local server with PhysioNet's layout: complete, interrupted, wrong, denied, resumed."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from melp.corpora import Options, ptb_xl
from melp.corpora.downloads import download as downloads
from melp.corpora.downloads.download import Downloaded, download
from melp.corpora.downloads.fetch import Fetcher, RemoteFile
from melp.corpora.downloads.sources import PhysioNet
from melp.errors import MelpError
from small_ptb_xl import make_tree
from small_server import Site, serving

ROOT = "ptb-xl/1.0.3"
FIRST = "records500/00000/00001_hr.dat"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write PTB-XL in the layout of PhysioNet: six recordings at both rates, tables, licence."""
    folder = make_tree(tmp_path_factory.mktemp("published") / "ptb-xl", 6, rates=(500, 100))
    (folder / "scp_statements.csv").write_text("code,description\nNORM,normal ECG\n")
    (folder / "LICENSE.txt").write_text("CC BY 4.0\n")
    names = [str(file.relative_to(folder).with_suffix("")) for file in sorted(folder.rglob("*.hea"))]
    (folder / "RECORDS").write_text("\n".join(names) + "\n")
    (folder / "example_physionet.py").write_text("print()\n")
    return folder


@pytest.fixture
def site(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    site.publish(ROOT, published)
    monkeypatch.setattr(downloads, "Fetcher", lambda *args: Fetcher(*args, patience=0.001))
    with serving(site):
        yield site


def get(site: Site, out: Path, **options: object) -> Downloaded:
    return download("ptb-xl", out, mirror=site.address, **options)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_files_of_the_corpus_are_fetched_once(site: Site, published: Path, tmp_path: Path) -> None:
    done = get(site, tmp_path / "raw")
    expected = {
        name: data
        for name, data in content(published).items()
        if not name.startswith(("records100/", "example"))
    }
    fetched = content(tmp_path / "raw")
    assert fetched.pop("SHA256SUMS.txt") == site.files[f"{ROOT}/SHA256SUMS.txt"]
    assert fetched == expected and len(expected) == 4 + 2 * 6
    size = sum(map(len, expected.values())) + len(site.files[f"{ROOT}/SHA256SUMS.txt"])
    assert done == Downloaded(tmp_path / "raw", files=16, fetched=16, bytes=size)
    assert len(list(ptb_xl.list_entries(tmp_path / "raw", Options()).entries)) == 6
    site.requests.clear()
    assert get(site, tmp_path / "raw") == Downloaded(tmp_path / "raw", files=16, fetched=0, bytes=0)
    assert site.requests == []


def test_first_records_and_tables(site: Site, tmp_path: Path) -> None:
    done = get(site, tmp_path / "raw", records=2)
    recordings = [name for name in content(tmp_path / "raw") if name.startswith("records")]
    stems = [f"records500/00000/0000{number}_hr" for number in (1, 2)]
    assert recordings == [stem + ending for stem in stems for ending in (".dat", ".hea")]
    assert (done.files, done.fetched) == (8, 8)
    # A later download of more records fetches only the missing ones.
    assert get(site, tmp_path / "raw", records=3).fetched == 2


def test_damaged_files_are_fetched_again(site: Site, published: Path, tmp_path: Path) -> None:
    get(site, tmp_path / "raw")
    (tmp_path / "raw" / FIRST).write_bytes(b"damaged")
    assert get(site, tmp_path / "raw").fetched == 1
    assert (tmp_path / "raw" / FIRST).read_bytes() == (published / FIRST).read_bytes()


def test_dropped_connections_are_resumed(site: Site, published: Path, tmp_path: Path) -> None:
    size = len((published / FIRST).read_bytes())
    site.cuts[f"{ROOT}/{FIRST}"] = [50_000, 30_000]
    get(site, tmp_path / "raw")
    assert size == 120_000 and site.requested(FIRST) == ["", "bytes=50000-", "bytes=80000-"]
    assert (tmp_path / "raw" / FIRST).read_bytes() == (published / FIRST).read_bytes()


def test_connections_dropped_at_random(site: Site, published: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    for path, data in site.files.items():
        site.cuts[path] = [rng.randrange(len(data)) for _ in range(rng.randrange(4))]
    get(site, tmp_path / "raw", workers=4)
    for name, data in content(tmp_path / "raw").items():
        assert data == site.files[f"{ROOT}/{name}"], name
    assert any(site.cuts) and len(site.requests) > 20


def test_server_without_ranges(site: Site, published: Path, tmp_path: Path) -> None:
    site.ranges = False
    site.cuts[f"{ROOT}/{FIRST}"] = [50_000, 60_000]
    get(site, tmp_path / "raw")
    assert (tmp_path / "raw" / FIRST).read_bytes() == (published / FIRST).read_bytes()
    assert site.requested(FIRST) == ["", "bytes=50000-", "bytes=60000-"]


def test_busy_servers_are_retried(site: Site, tmp_path: Path) -> None:
    site.busy[f"{ROOT}/{FIRST}"] = 3
    assert get(site, tmp_path / "raw").fetched == 16
    assert site.requested(FIRST) == [""] * 4


def test_lost_connections_leave_a_part(site: Site, published: Path, tmp_path: Path) -> None:
    site.cuts[f"{ROOT}/{FIRST}"] = [50_000] + [0] * 100
    with pytest.raises(MelpError, match=r"00001_hr\.dat: connection lost \(.*\); the same command resumes"):
        get(site, tmp_path / "raw")
    part = tmp_path / "raw" / (FIRST + ".part")
    assert part.read_bytes() == (published / FIRST).read_bytes()[:50_000]
    assert not (tmp_path / "raw" / FIRST).exists()
    del site.cuts[f"{ROOT}/{FIRST}"]
    site.requests.clear()
    done = get(site, tmp_path / "raw")
    assert site.requested(FIRST) == ["bytes=50000-"] and not part.exists()
    assert (tmp_path / "raw" / FIRST).read_bytes() == (published / FIRST).read_bytes()
    assert done.files == 16


@pytest.mark.parametrize("extra", [0, 7])
def test_parts_that_are_complete_or_too_long(site: Site, published: Path, tmp_path: Path, extra: int) -> None:
    part = tmp_path / "raw" / (FIRST + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes((published / FIRST).read_bytes() + b"x" * extra)
    get(site, tmp_path / "raw")
    assert (tmp_path / "raw" / FIRST).read_bytes() == (published / FIRST).read_bytes() and not part.exists()
    assert site.requested(FIRST) == ["bytes=120000-"] if not extra else ["bytes=120007-", ""]


def test_wrong_files_are_removed(site: Site, published: Path, tmp_path: Path) -> None:
    right = site.files[f"{ROOT}/{FIRST}"]
    wrong = bytes([right[0] ^ 1]) + right[1:]
    site.files[f"{ROOT}/{FIRST}"] = wrong
    with pytest.raises(MelpError) as caught:
        get(site, tmp_path / "raw")
    digests = [hashlib.sha256(data).hexdigest() for data in (wrong, right)]
    message = f"sha256 {digests[0]} found, wanted {digests[1]}; removed"
    assert str(caught.value) == f"{tmp_path / 'raw' / FIRST}: {message}"
    # The other files are fetched; nothing of the wrong one is kept.
    assert sorted(content(tmp_path / "raw")) == sorted(
        {"SHA256SUMS.txt", *content(published)} - {FIRST, "example_physionet.py"}
        - {name for name in content(published) if name.startswith("records100/")}
    )  # fmt: skip
    site.files[f"{ROOT}/{FIRST}"] = right
    assert get(site, tmp_path / "raw").fetched == 1


def test_wrong_parts_are_removed(site: Site, tmp_path: Path) -> None:
    part = tmp_path / "raw" / (FIRST + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 60_000)
    with pytest.raises(MelpError, match=r"00001_hr\.dat: sha256 \w{64} found, wanted \w{64}; removed"):
        get(site, tmp_path / "raw")
    assert site.requested(FIRST) == ["bytes=60000-"] and not part.exists()


def test_download_ends_after_ten_wrong_files(site: Site, tmp_path: Path) -> None:
    for name in site.files:
        if name.startswith(f"{ROOT}/records500"):
            site.files[name] = b"<html>please log in</html>"
    with pytest.raises(MelpError, match=r"wanted \w{64}; removed \(and 9 more\)"):
        get(site, tmp_path / "raw", workers=1)


def test_files_missing_on_the_server(site: Site, tmp_path: Path) -> None:
    del site.files[f"{ROOT}/{FIRST}"]
    with pytest.raises(MelpError, match=r"00001_hr\.dat: not on the server \(404\)$"):
        get(site, tmp_path / "raw")
    del site.files[f"{ROOT}/SHA256SUMS.txt"]
    with pytest.raises(MelpError, match=r"SHA256SUMS\.txt: not on the server \(404\)$"):
        get(site, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_list_without_a_table(site: Site, tmp_path: Path) -> None:
    sums = site.files[f"{ROOT}/SHA256SUMS.txt"].decode().splitlines(keepends=True)
    site.files[f"{ROOT}/SHA256SUMS.txt"] = "".join(line for line in sums if "scp_" not in line).encode()
    with pytest.raises(MelpError, match=r"SHA256SUMS\.txt: no scp_statements\.csv found, wanted all tables"):
        get(site, tmp_path / "raw")


@pytest.mark.parametrize(
    "name", ["../outside.hea", "/etc/outside.hea", "records500/../../o.hea", "C:o.hea", "a\\..\\o.hea"]
)
def test_paths_outside_the_folder(site: Site, tmp_path: Path, name: str) -> None:
    site.files[f"{ROOT}/SHA256SUMS.txt"] += f"{'0' * 64} {name}\n".encode()
    with pytest.raises(MelpError, match=r"SHA256SUMS\.txt:30: .* found, wanted a name within the folder"):
        get(site, tmp_path / "raw")
    assert list(tmp_path.rglob("*")) == [tmp_path / "raw"]


def test_malformed_list_is_removed(site: Site, tmp_path: Path) -> None:
    right = site.files[f"{ROOT}/SHA256SUMS.txt"]
    site.files[f"{ROOT}/SHA256SUMS.txt"] = b"<!doctype html>\n<title>Log in</title>\n"
    with pytest.raises(MelpError, match=r"SHA256SUMS\.txt:1: '<!doctype html>\\n' found, wanted a SHA-256"):
        get(site, tmp_path / "raw")
    site.files[f"{ROOT}/SHA256SUMS.txt"] = right
    assert get(site, tmp_path / "raw").fetched == 16


def test_accounts(site: Site, tmp_path: Path) -> None:
    site.account = ("ann", "secret")
    assert get(site, tmp_path / "raw", account=("ann", "secret")).fetched == 16
    with pytest.raises(MelpError, match=r"the server requires an account \(401\), wanted --user NAME"):
        get(site, tmp_path / "other")
    with pytest.raises(MelpError, match=r"the server refuses ann's password \(401\)"):
        get(site, tmp_path / "other", account=("ann", "wrong"))
    site.closed = True
    page = r"https://physionet\.org/content/ptb-xl/1\.0\.3/"
    for account, end in ((("ann", "secret"), "required training$"), (None, "then pass --user NAME$")):
        with pytest.raises(MelpError, match=rf"no access \(403\); log in at {page}, sign the data .*{end}"):
            get(site, tmp_path / "other", account=account)
    assert not (tmp_path / "other").exists()


def test_invalid_options(site: Site, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="--records: 0, wanted 1 or more"):
        get(site, tmp_path, records=0)
    with pytest.raises(MelpError, match="--workers: 0, wanted 1 or more"):
        get(site, tmp_path, workers=0)
    with pytest.raises(MelpError, match=r"corpus: 'synthetic' cannot be downloaded, wanted one of .*ptb-xl"):
        download("synthetic", tmp_path)


def test_interrupted_downloads_are_resumed(site: Site, published: Path, tmp_path: Path) -> None:
    site.slow = 0.01
    words = ["data", "download", "ptb-xl", "--out", str(tmp_path / "raw"), "--mirror", site.address]
    command = [sys.executable, "-c", "from melp.cli import main; main()", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.dat.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130 and "Traceback" not in process.stderr.read()  # type: ignore[union-attr]
    parts = {file: file.stat().st_size for file in tmp_path.rglob("*.part")}
    assert parts
    site.slow = 0
    site.requests.clear()
    get(site, tmp_path / "raw")
    for part, size in parts.items():
        name = str(part.relative_to(tmp_path / "raw")).removesuffix(".part")
        assert site.requested(name) == ([f"bytes={size}-"] if size else [""])
        assert (tmp_path / "raw" / name).read_bytes() == (published / name).read_bytes()


def test_all_files_of_a_project(site: Site, tmp_path: Path) -> None:
    listing = PhysioNet("ptb-xl", "1.0.3").list_files(tmp_path, Fetcher(), site.address, None)
    assert len(list(listing.files)) == listing.count == 2 + 4 * 6


def test_files_appear_complete(site: Site, tmp_path: Path) -> None:
    """The file does not exist until it is complete."""
    site.slow = 0.002
    file = RemoteFile(f"{site.address}/{ROOT}/{FIRST}", tmp_path / "file.dat")
    seen = []
    fetcher = Fetcher(on_bytes=lambda count: seen.append(file.target.exists()))
    assert fetcher.fetch(file) and not any(seen) and len(seen) > 1
    assert [path.name for path in tmp_path.iterdir()] == ["file.dat"]
