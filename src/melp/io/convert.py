"""Convert the recordings of a folder to one format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from melp.errors import MelpError
from melp.io import read_file
from melp.io.folders import recordings_in
from melp.io.write import output_format, output_name, write
from melp.progress import progress_bar


class Converted(NamedTuple):
    """What became of a folder.

    Attributes:
        files: the recordings, and the file that each was written to; the header for WFDB.
        warnings: the recordings with something doubtful, and what.
        failed: the files that are not converted, and why, in the order of the others.
    """

    files: list[tuple[Path, Path]]
    warnings: list[tuple[Path, str]]
    failed: list[tuple[Path, str]]


def list_files(source: Path) -> list[Path]:
    """Return the recordings of a folder (see `recordings_in`); a file itself.

    Raises:
        MelpError: there is no such file or folder, or the folder has no file.
    """
    if source.is_dir():
        return recordings_in(source)
    if not source.exists() and not source.with_name(source.name + ".hea").is_file():
        raise MelpError(f"{source}: no such file or folder")
    return [source]


def convert(
    source: Path,
    out: Path,
    to: str,
    leads: Sequence[str] | None = None,
    rate: float | None = None,
    unit: str | None = None,
    progress: bool = False,
) -> Converted:
    """Convert a recording, or those of a folder, in the order of their names.

    The files of a folder keep their folders and names; if two would get the same name, they keep their
    endings as well. A file that cannot be converted is listed, and the rest is done.

    Args:
        source: a file or a folder.
        out: the file to write, or an existing folder for it; for a folder, the folder to write to.
        to: a format of `melp.io.write`.
        leads: see `melp.read`; also `rate` and `unit`.
        progress: whether to show a progress bar.

    Raises:
        MelpError: there is nothing to convert, or the format is not known; also a single file that cannot be
            converted.
    """
    to = output_format(out, to)
    files = list_files(source)
    if source.is_dir() and (out.resolve() == source.resolve() or source.resolve() in out.resolve().parents):
        raise MelpError(f"{out}: in the folder of the recordings, wanted another one")
    done = Converted([], [], [])
    with progress_bar(shown=progress) as bar:
        task = bar.add_task("converting", total=len(files))
        for file, target in zip(files, _targets(source, files, out, to), strict=True):
            try:
                ecg = read_file(file, leads, rate=rate, unit=unit)
                done.files.append((file, write(ecg, target, to)[-1]))
                if warnings := ecg.meta.get("warnings"):
                    done.warnings.append((file, "; ".join(warnings)))
            except (MelpError, OSError) as error:
                if not source.is_dir():
                    raise
                done.failed.append((file, str(error).removeprefix(f"{file}: ")))
            bar.advance(task)
    return done


def _targets(source: Path, files: Sequence[Path], out: Path, to: str) -> Iterator[Path]:
    """Yield the path to write for each file."""
    if not source.is_dir():
        yield out / output_name(Path(source.stem), to) if out.is_dir() else out
        return
    relative = [file.relative_to(source) for file in files]
    short = [path.with_name(output_name(Path(path.stem), to)) for path in relative]
    counts = Counter(short)
    for path, name in zip(relative, short, strict=True):
        yield out / (
            name if counts[name] == 1 else path.with_name(output_name(Path(path.name.replace(".", "_")), to))
        )
