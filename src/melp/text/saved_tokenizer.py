"""The tokenizer of a model folder, without transformers, whose import takes a second."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from melp.errors import MelpError

__all__ = ["SavedTokenizer", "is_own"]

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
# As transformers names a tokenizer that is described by tokenizer.json alone.
_PLAIN = ("TokenizersBackend", "PreTrainedTokenizerFast")


def is_own(folder: str | Path, names: Collection[str]) -> bool:
    """Return whether `tokenizer.json` alone describes the tokenizer of a folder, with special tokens."""
    files = [Path(folder, name) for name in (TOKENIZER, CONFIG)]
    if not all(file.is_file() for file in files):
        return False
    try:
        config = json.loads(files[1].read_text(encoding="utf-8"))
    except ValueError:
        return False
    return (
        isinstance(config, dict)
        and config.get("tokenizer_class") in _PLAIN
        and all(isinstance(config.get(name), str) for name in names)
    )


class SavedTokenizer:
    """Does with `tokenizers` what the tokenizer of transformers that was saved does.

    Args:
        folder: a folder with `tokenizer.json` and `tokenizer_config.json`.
        names: the special tokens that it must have, such as `pad_token`.

    Attributes:
        bos_token_id, cls_token_id, mask_token_id, pad_token_id, sep_token_id, unk_token_id: numbers of the
            special tokens.

    Raises:
        MelpError: a special token is missing, or a file cannot be read.
    """

    bos_token_id: int
    cls_token_id: int
    mask_token_id: int
    pad_token_id: int
    sep_token_id: int
    unk_token_id: int

    def __init__(self, folder: str | Path, names: Sequence[str]) -> None:
        from tokenizers import Tokenizer

        self._files = {name: Path(folder, name).read_bytes() for name in (TOKENIZER, CONFIG)}
        try:
            self._pieces = Tokenizer.from_buffer(self._files[TOKENIZER])
        except Exception as error:  # tokenizers raises no other kind
            raise MelpError(f"{folder}: no tokenizer could be read ({TOKENIZER}: {error})") from error
        config: Mapping[str, Any] = json.loads(self._files[CONFIG])
        for name in names:
            number = self._pieces.token_to_id(str(config.get(name)))
            if number is None:
                raise MelpError(f"{folder}: the tokenizer has no {name}, wanted a tokenizer of BERT")
            setattr(self, f"{name}_id", number)

    def __len__(self) -> int:
        return int(self._pieces.get_vocab_size())

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """Return the numbers of the word pieces of a text as `input_ids`."""
        return {"input_ids": self._pieces.encode(text, add_special_tokens=add_special_tokens).ids}

    def get_vocab(self) -> dict[str, int]:
        """Return the number of each word piece."""
        return dict(self._pieces.get_vocab())

    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the number of each word piece, that of the unknown one if there is none."""
        numbers = [self._pieces.token_to_id(token) for token in tokens]
        return [self.unk_token_id if number is None else number for number in numbers]

    def decode(self, tokens: Sequence[int], skip_special_tokens: bool = False) -> str:
        """Return the text of word pieces."""
        return str(self._pieces.decode(list(tokens), skip_special_tokens=skip_special_tokens))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the files that were read to another folder."""
        for name, content in self._files.items():
            Path(folder, name).write_bytes(content)
