"""Tokenizers, and the encoding of reports as word pieces with the statement of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from melp.errors import MelpError
from melp.text.saved_tokenizer import SavedTokenizer, is_own

SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
    "bos_token": "[BOS]",
}
FULL_STOP = "."


def train_tokenizer(texts: Iterable[str], size: int = 4096) -> Any:
    """Train a lower-case WordPiece tokenizer like BERT's; the same texts give the same tokenizer.

    Args:
        texts: training texts; iterated over twice and never loaded into memory as a whole.
        size: largest number of word pieces.

    Returns:
        A `transformers.PreTrainedTokenizerFast` with the special tokens [PAD] [UNK] [CLS] [SEP] [MASK] [BOS].
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    def untrained(vocabulary: dict[str, int] | None) -> Any:
        pieces = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
        pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        pieces.decoder = decoders.WordPiece()
        return pieces

    if isinstance(texts, Iterator):
        raise TypeError("texts: found an iterator, wanted an iterable that can be iterated twice")
    pieces = untrained(None)
    characters = sorted(_characters(texts, pieces.normalizer.normalize_str))
    # The trainer numbers the characters within words in the order of a hash table, which varies between runs,
    # and breaks ties by these numbers; special tokens have fixed numbers.
    first = [*SPECIAL_TOKENS.values(), *(f"##{character}" for character in characters)]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False)
    pieces.train_from_iterator(iter(texts), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=untrained(pieces.get_vocab()), **SPECIAL_TOKENS)


def _characters(texts: Iterable[str], normalise: Callable[[str], str]) -> set[str]:
    """Return all characters of the normalised texts except the space."""
    characters: set[str] = set()
    texts = iter(texts)
    while part := list(islice(texts, 4096)):
        # Most texts occur many times.
        for text in set(part):
            characters.update(normalise(text))
    return characters - {" "}


def load_tokenizer(source: str | Path) -> Any:
    """Load the tokenizer of a model folder or hub name; a missing [BOS] is added (MELP, A.4).

    Raises:
        MelpError: there is none, or it lacks a special token of BERT.
    """
    if is_own(source, SPECIAL_TOKENS):
        return SavedTokenizer(source, list(SPECIAL_TOKENS))
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except Exception as error:  # transformers and tokenizers raise errors of many kinds
        reason = (str(error).splitlines() or [""])[0][:120]
        raise MelpError(f"{source}: no tokenizer could be read ({type(error).__name__}: {reason})") from error
    for name in ("pad_token", "cls_token", "sep_token", "mask_token"):
        if getattr(tokenizer, name) is None:
            raise MelpError(f"{source}: the tokenizer has no {name}, wanted a tokenizer of BERT")
    if tokenizer.bos_token is None:
        tokenizer.add_special_tokens({"bos_token": "[BOS]"})
    return tokenizer


class ReportEncoder:
    """Encodes reports, given as statements, as `[BOS] statement . statement . [SEP]`.

    Args:
        tokenizer: a Hugging Face tokenizer with [BOS], [SEP] and [PAD].
        max_length: largest number of word pieces of a report. Statements that do not fit are left out; a
            first statement that is too long is truncated.
    """

    def __init__(self, tokenizer: Any, max_length: int = 127) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self._pieces = lru_cache(maxsize=1 << 16)(self._encode_statement)

    def __getstate__(self) -> dict[str, Any]:
        return {"tokenizer": self.tokenizer, "max_length": self.max_length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _encode_statement(self, statement: str) -> tuple[int, ...]:
        text = statement.strip().removesuffix(FULL_STOP) + FULL_STOP
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def room(self) -> int:
        """Largest number of word pieces of the statements of a report."""
        return self.max_length - 2

    def length(self, statement: str) -> int:
        """Return the number of word pieces of a statement."""
        return len(self._pieces(statement))

    def encode(self, statements: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the word pieces of one report, and the number of the statement of each (-1 for specials)."""
        tokens, sentence = [self.tokenizer.bos_token_id], [-1]
        room = self.room
        for number, statement in enumerate(statements):
            pieces = self._pieces(statement)
            if number > 0 and len(pieces) > room:
                break
            pieces = pieces[:room]
            tokens += pieces
            sentence += [number] * len(pieces)
            room -= len(pieces)
        return [*tokens, self.tokenizer.sep_token_id], [*sentence, -1]

    def __call__(self, reports: Sequence[Sequence[str]]) -> dict[str, Int[Tensor, "batch token"]]:
        """Return `tokens` and `sentence` of a batch, padded to its longest report."""
        rows = [self.encode(report) for report in reports]
        shape = len(rows), max(len(tokens) for tokens, _ in rows)
        tokens = torch.full(shape, self.tokenizer.pad_token_id)
        sentence = torch.full(shape, -1)
        for number, (pieces, member) in enumerate(rows):
            tokens[number, : len(pieces)] = torch.tensor(pieces)
            sentence[number, : len(member)] = torch.tensor(member)
        return {"tokens": tokens, "sentence": sentence}

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of generated word pieces, without special tokens."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))
