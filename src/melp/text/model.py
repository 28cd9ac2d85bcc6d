"""A language model on disk: a Hugging Face BERT folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from melp.nn.bert import Bert, BertConfig
from melp.text.hugging_face import load_bert, local_folder
from melp.text.tokenizer import load_tokenizer, train_tokenizer


@dataclass
class LanguageModel:
    """A BERT and its tokenizer."""

    bert: Bert
    tokenizer: Any

    @classmethod
    def load(cls, source: str | Path) -> LanguageModel:
        """Read stage 1's output or another folder, or a hub name (`ncbi/MedCPT-Query-Encoder`).

        Raises:
            MelpError: it holds no BERT or no tokenizer.
        """
        tokenizer = load_tokenizer(local_folder(source))
        return cls(load_bert(source, vocabulary=len(tokenizer)), tokenizer)

    @classmethod
    def from_scratch(cls, texts: Iterable[str], size: int, config: BertConfig) -> LanguageModel:
        """An untrained BERT with a tokenizer trained on the texts.

        Args:
            texts: what the tokenizer is trained on.
            size: most word pieces.
            config: sizes; `vocabulary` is set to what the tokenizer has.
        """
        tokenizer = train_tokenizer(texts, size)
        return cls(Bert(replace(config, vocabulary=len(tokenizer))), tokenizer)
