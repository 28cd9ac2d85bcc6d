"""Sources of corpora, PhysioNet and Zenodo, and the files that each publishes."""

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

from melp.corpora.downloads.fetch import PART, Fetcher, RemoteFile
from melp.errors import MelpError

CHECKSUMS = "SHA256SUMS.txt"
_CHECKSUM = re.compile(r"([0-9a-f]{64}) [ *]?(.+)")
# An absolute path, a Windows drive or separator, or a parent folder.
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)")
_ALWAYS_FETCHED = ("LICENSE.txt", "RECORDS")
_RECORDING = (".hea", ".dat", ".mat")


@dataclass(frozen=True)
class FileList:
    """The files of a corpus, or of the requested part.

    Attributes:
        count: number of files.
        files: the files; can be iterated once.
    """

    count: int
    files: Iterator[RemoteFile]


@dataclass(frozen=True)
class PhysioNet:
    """A corpus on PhysioNet, whose files are below PROJECT/VERSION and listed in SHA256SUMS.txt.

    Attributes:
        project, version: as in https://physionet.org/content/PROJECT/VERSION/.
        tables: files that the corpus needs besides its recordings.
        recordings: the folder of the recordings, such as `records500/`; a record is the .hea, .dat and .mat
            files of the same name. Empty for the whole project.
        base: address of the folder that contains PROJECT/VERSION.
    """

    project: str
    version: str
    tables: tuple[str, ...] = ()
    recordings: str = ""
    base: str = "https://physionet.org/files"

    @property
    def page(self) -> str:
        """The web page of the project, on which access is requested."""
        return f"https://physionet.org/content/{self.project}/{self.version}/"

    def list_files(self, out: Path, fetcher: Fetcher, mirror: str, records: int | None) -> FileList:
        """List what to fetch into `out`: the tables, then the first `records` recordings in listed order.

        Raises:
            MelpError: SHA256SUMS.txt cannot be fetched, has another format, names a path outside the folder,
                or lacks a table.
        """
        root = f"{mirror or self.base}/{self.project}/{self.version}"
        checksums = out / CHECKSUMS
        fetcher.fetch(RemoteFile(f"{root}/{CHECKSUMS}", checksums))
        try:
            tables, stems, recordings = self._select(checksums, records)
        except MelpError:
            checksums.unlink()  # so that the next download fetches it again
            raise
        missing = [name for name in self.tables if name not in tables]
        if missing:
            raise MelpError(
                f"{checksums}: no {', '.join(missing)} found, wanted all tables of {self.project}"
            )

        def files() -> Iterator[RemoteFile]:
            # The list is read twice: that of 800,000 recordings would take a gigabyte of memory.
            selected = (
                (name, digest)
                for name, digest in _read_checksums(checksums)
                if self._is_recording(name) and (records is None or name[:-4] in stems)
            )
            for name, digest in chain(tables.items(), selected):
                yield RemoteFile(f"{root}/{quote(name)}", out / name, digest)

        return FileList(len(tables) + recordings, files())

    def _select(self, checksums: Path, records: int | None) -> tuple[dict[str, str], set[str], int]:
        """Return the tables' digests, the first `records` recordings' stems, and their number of files."""
        tables: dict[str, str] = {}
        stems: set[str] = set()
        recordings = 0
        for name, digest in _read_checksums(checksums):
            if name in self.tables or name in _ALWAYS_FETCHED:
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
    """A corpus on Zenodo: the files of a record, with their MD5 in its JSON. Archives are unpacked in place.

    Attributes:
        record: number of the record.
        tables: files that the corpus needs besides its archives.
        archives: zip files of recordings, in their order.
        records_each: number of recordings in each archive but the last.
        base: address of Zenodo's API.
    """

    record: int
    tables: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    records_each: int = 1
    base: str = "https://zenodo.org/api"

    @property
    def page(self) -> str:
        """The web page of the record."""
        return f"https://zenodo.org/records/{self.record}"

    def list_files(self, out: Path, fetcher: Fetcher, mirror: str, records: int | None) -> FileList:
        """List what to fetch into `out`: the tables, then the archives with the first `records` recordings.

        Raises:
            MelpError: the record cannot be fetched, or lacks a file.
        """
        root = f"{mirror or self.base}/records/{self.record}"
        listing = out / f"zenodo-{self.record}.json"
        fetcher.fetch(RemoteFile(root, listing))
        try:
            entries = json.loads(listing.read_text(encoding="utf-8"))["files"]
            digests = {entry["key"]: entry["checksum"].removeprefix("md5:") for entry in entries}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            listing.unlink()
            raise MelpError(f"{root}: not a record of Zenodo") from error
        count = None if records is None else -(-records // self.records_each)
        names = (*self.tables, *self.archives[:count])
        missing = [name for name in names if name not in digests]
        if missing:
            raise MelpError(f"{root}: no {', '.join(missing)} found, wanted all files of the corpus")
        files = (
            RemoteFile(f"{root}/files/{quote(name)}/content", out / name, digests[name], "md5")
            for name in names
        )
        return FileList(len(names), files)


Source = PhysioNet | Zenodo


def _read_checksums(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each file of a SHA256SUMS.txt, in its order."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            match = _CHECKSUM.fullmatch(line.rstrip("\r\n"))
            if match is None:
                raise MelpError(f"{file}:{number}: {line[:40]!r} found, wanted a SHA-256 and a name")
            yield _checked_name(match[2], f"{file}:{number}"), match[1]


def _checked_name(name: str, where: str) -> str:
    """Return `name` if it is a path within the folder."""
    if _OUTSIDE.search(name):
        raise MelpError(f"{where}: {name!r} found, wanted a name within the folder")
    return name


def unpack(archive: Path) -> None:
    """Unpack a zip file into its own folder; files of the right size that exist already are kept."""
    if not archive.is_file():
        return
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                target = archive.parent / _checked_name(member.filename, str(archive))
                exists = target.is_file() and target.stat().st_size == member.file_size
                if member.is_dir() or exists:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(target.name + PART)
                with content.open(member) as source, part.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                part.replace(target)
    except (zipfile.BadZipFile, EOFError) as error:
        raise MelpError(f"{archive}: not a zip file ({error})") from error
