"""Models on the Hugging Face Hub: downloaded once and pinned to a commit, or uploaded.

Only `FILES` are transferred: safetensors, JSON, the files of the tokenizer and the model card; never a
pickle, and not the list of training records, which names patients.
"""

from __future__ import annotations

import re
from pathlib import Path

from melp.errors import MelpError

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
)
REQUIRED = ("config.json", "model.safetensors")
FILES = (*REQUIRED, *TOKENIZER, "README.md")
"""The files of a model on the hub."""
_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def is_hub_name(name: str) -> bool:
    """Return whether `name` is no folder and has the form `user/name`."""
    return not Path(name).is_dir() and _NAME.fullmatch(name) is not None


def fetch(name: str, revision: str | None = None) -> Path:
    """Return the folder of a model of the hub, downloaded unless it is in the cache.

    Without network, or with `HF_HUB_OFFLINE=1`, the cache alone is used.

    Args:
        name: `user/name`.
        revision: branch, tag or commit; the main branch if None.

    Returns:
        The folder in the cache, whose name is the commit.

    Raises:
        MelpError: there is no such model or revision, or it is private; there is no network, and it is not in
            the cache; a file is missing.
    """
    # Imported late, with its HTTP client, because most models are folders.
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # huggingface_hub and its HTTP client raise errors of many kinds
        raise MelpError(f"{name}: no such folder, and {_reason(error, revision)}") from error
    if missing := [file for file in REQUIRED if not (folder / file).is_file()]:
        raise MelpError(f"{name}: no {' and no '.join(missing)} found on the hub, wanted a model of melp")
    return folder


def push(folder: Path, name: str, private: bool = False, revision: str | None = None) -> str:
    """Upload a model folder to the hub, and create the repository and the branch if they do not exist.

    Args:
        folder: the model folder; only `FILES` of it are uploaded.
        name: `user/name`.
        private: whether a new repository is private.
        revision: branch; the main branch if None.

    Returns:
        The commit.

    Raises:
        MelpError: no account is logged in or it may not write, no network, or the name is malformed.
    """
    from huggingface_hub import HfApi

    hub = HfApi()
    try:
        hub.create_repo(name, private=private, exist_ok=True)
        if revision is not None:
            hub.create_branch(name, branch=revision, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=name,
            folder_path=folder,
            allow_patterns=list(FILES),
            revision=revision,
            commit_message="Upload a model of melp",
        )
    except Exception as error:  # as in `fetch`
        raise MelpError(f"{name}: not uploaded, {_reason(error, revision)}") from error
    return str(commit.oid)


def _reason(error: Exception, revision: str | None) -> str:
    """Return what is wrong, and what to do, in one line."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return f"no revision {revision!r} found on the hub"
    if isinstance(error, errors.RepositoryNotFoundError) or _status(error) in (401, 403):
        return "no such model found on the hub, or it is private: log in with `hf auth login`"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return "not in the cache of downloads, and the hub cannot be reached"
    if isinstance(error, errors.EntryNotFoundError | errors.HFValidationError):
        return str(error).splitlines()[0]
    return f"the hub cannot be reached ({type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]})"


def _status(error: Exception) -> int:
    """Return the HTTP status of an error; 0 if it has none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0))
