"""Where corpora are published, and which files they consist of there."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from melp.corpora.downloads.fetch import PART, Fetcher, PublishedFile
from melp.errors import MelpError

SUMS = "SHA256SUMS.txt"
_SUM = re.compile(r"([0-9a-f]{64}) [ *]?(.+)")
# An absolute path, a drive or another separator of Windows, a step up.
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)")
_ALWAYS = ("LICENSE.txt", "RECORDS")
_RECORDING = (".hea", ".dat", ".mat")


@dataclass(frozen=True)
class Files:
    """What a corpus, or the part asked for, consists of.

    Attributes:
        count: how many files there are.
        each: the files, taken once.
    """

    count: int
    each: Iterator[PublishedFile]


@dataclass(frozen=True)
class Source:
    """A corpus on PhysioNet: every file of a project is below PROJECT/VERSION, listed in SHA256SUMS.txt.

    Attributes:
        project, version: as in https://physionet.org/content/PROJECT/VERSION/.
        tables: files that the corpus needs beside its recordings.
        recordings: the folder (`records500/`) with the recordings to take: .hea, .dat and .mat of one name
            are a record. Empty for all of the project.
        base: what stands before PROJECT/VERSION.
    """

    project: str
    version: str
    tables: tuple[str, ...] = ()
    recordings: str = ""
    base: str = "https://physionet.org/files"

    @property
    def page(self) -> str:
        """What people read, and where they ask for access."""
        return f"https://physionet.org/content/{self.project}/{self.version}/"

    def files(self, out: Path, fetcher: Fetcher, mirror: str, records: int | None) -> Files:
        """What to fetch into `out`: the tables, then the first `records` recordings as listed.

        Raises:
            MelpError: SHA256SUMS.txt cannot be had, is no such list, names a path out of the folder, or lacks
                a table.
        """
        root = f"{mirror or self.base}/{self.project}/{self.version}"
        sums = out / SUMS
        fetcher.fetch(PublishedFile(f"{root}/{SUMS}", sums))
        try:
            tables, stems, recordings = self._wanted(sums, records)
        except MelpError:
            # What is no such list must not stay to be met again.
            sums.unlink()
            raise
        absent = [name for name in self.tables if name not in tables]
        if absent:
            raise MelpError(f"{sums}: no {', '.join(absent)} found, wanted all tables of {self.project}")

        def listed() -> Iterator[PublishedFile]:
            # Twice through the list: held in memory, that of 800,000 recordings would take a gigabyte.
            names = (
                (name, digest)
                for name, digest in _read_sums(sums)
                if self._is_recording(name) and (records is None or name[:-4] in stems)
            )
            for name, digest in chain(tables.items(), names):
                yield PublishedFile(f"{root}/{quote(name)}", out / name, digest)

        return Files(len(tables) + recordings, listed())

    def _wanted(self, sums: Path, records: int | None) -> tuple[dict[str, str], set[str], int]:
        """Digests of the tables, stems of the first `records` recordings, and how many files those have."""
        tables: dict[str, str] = {}
        stems: set[str] = set()
        recordings = 0
        for name, digest in _read_sums(sums):
            if name in self.tables or name in _ALWAYS:
                tables[name] = digest
            elif self._is_recording(name):
                if records is not None and len(stems) < records:
                    stems.add(name[:-4])
                recordings += records is None or name[:-4] in stems
        return tables, stems, recordings

    def _is_recording(self, name: str) -> bool:
        return name.startswith(self.recordings) and name.endswith(_RECORDING)


@dataclass(frozen=True)
class Zenodo:
    """A corpus on Zenodo: a record's files, with their MD5 in its JSON; archives are unpacked where they lie.

    Attributes:
        record: number of the record.
        tables: files that the corpus needs beside its archives.
        archives: zip files of recordings, in their order.
        records_each: how many recordings an archive holds, all but the last.
        base: of Zenodo's interface.
    """

    record: int
    tables: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    records_each: int = 1
    base: str = "https://zenodo.org/api"

    @property
    def page(self) -> str:
        """What people read."""
        return f"https://zenodo.org/records/{self.record}"

    def files(self, out: Path, fetcher: Fetcher, mirror: str, records: int | None) -> Files:
        """What to fetch into `out`: the tables, then the archives that hold the first `records`.

        Raises:
            MelpError: the record cannot be had, or lacks a file.
        """
        root = f"{mirror or self.base}/records/{self.record}"
        listing = out / f"zenodo-{self.record}.json"
        fetcher.fetch(PublishedFile(root, listing))
        try:
            entries = json.loads(listing.read_text(encoding="utf-8"))["files"]
            digests = {entry["key"]: entry["checksum"].removeprefix("md5:") for entry in entries}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            listing.unlink()
            raise MelpError(f"{root}: not a record of Zenodo") from error
        count = None if records is None else -(-records // self.records_each)
        wanted = (*self.tables, *self.archives[:count])
        absent = [name for name in wanted if name not in digests]
        if absent:
            raise MelpError(f"{root}: no {', '.join(absent)} found, wanted all files of the corpus")
        return Files(
            len(wanted),
            (
                PublishedFile(f"{root}/files/{quote(name)}/content", out / name, digests[name], "md5")
                for name in wanted
            ),
        )


def _read_sums(file: Path) -> Iterator[tuple[str, str]]:
    """Name and digest of each file of a SHA256SUMS.txt, as listed."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _SUM.fullmatch(line.rstrip("\r\n"))
            if found is None:
                raise MelpError(f"{file}:{number}: {line[:40]!r} found, wanted a SHA-256 and a name")
            yield _inside(found[2], f"{file}:{number}"), found[1]


def _inside(name: str, where: str) -> str:
    """`name` itself, where it stays in the folder that it is put into."""
    if _OUTSIDE.search(name):
        raise MelpError(f"{where}: {name!r} found, wanted a name within the folder")
    return name


def unpack(archive: Path) -> None:
    """The files of a zip beside it, in folders as it has them; those that are there already stay."""
    if not archive.is_file():
        return
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                target = archive.parent / _inside(member.filename, str(archive))
                there = target.is_file() and target.stat().st_size == member.file_size
                if member.is_dir() or there:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(target.name + PART)
                with content.open(member) as source, part.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                part.replace(target)
    except (zipfile.BadZipFile, EOFError) as error:
        raise MelpError(f"{archive}: not a zip file ({error})") from error
