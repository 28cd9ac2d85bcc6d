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
        """Load the output of stage 1, another folder, or a hub name (`ncbi/MedCPT-Query-Encoder`).

        Raises:
            MelpError: there is no BERT or no tokenizer.
        """
        tokenizer = load_tokenizer(local_folder(source))
        return cls(load_bert(source, vocabulary=len(tokenizer)), tokenizer)

    @classmethod
    def from_scratch(cls, texts: Iterable[str], size: int, config: BertConfig) -> LanguageModel:
        """Build an untrained BERT with a tokenizer trained on texts.

        Args:
            texts: training texts of the tokenizer.
            size: largest number of word pieces.
            config: sizes; `vocabulary` is replaced by the size of the tokenizer.
        """
        tokenizer = train_tokenizer(texts, size)
        return cls(Bert(replace(config, vocabulary=len(tokenizer))), tokenizer)
