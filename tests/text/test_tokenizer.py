"""Tokenizers, and the encoding of reports."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from melp.errors import MelpError
from melp.text.saved_tokenizer import SavedTokenizer
from melp.text.tokenizer import SPECIAL_TOKENS, ReportEncoder, load_tokenizer, train_tokenizer

TEXTS = [
    "sinus rhythm.",
    "atrial fibrillation.",
    "left bundle branch block.",
    "ST depression in v4 to v6.",
] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, 200)


def test_trained_tokenizer_reads_and_writes(tokenizer: Any) -> None:
    assert len(tokenizer) <= 200
    names = ("pad", "unk", "cls", "sep", "mask", "bos")
    specials = [getattr(tokenizer, f"{name}_token_id") for name in names]
    assert sorted(specials) == list(range(6))
    pieces = tokenizer("Sinus RHYTHM. ST depression", add_special_tokens=False)["input_ids"]
    assert not set(pieces) & set(specials)
    assert tokenizer.decode(pieces) == "sinus rhythm. st depression"
    assert tokenizer("\u2603", add_special_tokens=False)["input_ids"] == [tokenizer.unk_token_id]


def test_same_texts_give_the_same_tokenizer_in_every_process() -> None:
    script = (
        "import json, sys\n"
        "from melp.text.tokenizer import train_tokenizer\n"
        "print(json.dumps(train_tokenizer(json.load(sys.stdin), 60).get_vocab(), sort_keys=True))"
    )
    texts = [f"{a}{b}{c} {c}{b}." for a in "abcde" for b in "fghij" for c in "klmno"]
    vocabularies = {json.dumps(train_tokenizer(texts, 60).get_vocab(), sort_keys=True) for _ in range(3)}
    process = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    assert vocabularies == {process.stdout.strip()}


def test_layout_of_a_report(tokenizer: Any) -> None:
    encode = ReportEncoder(tokenizer)
    statements = ["sinus rhythm", "left bundle branch block.", "atrial fibrillation "]
    tokens, sentence = encode.encode(statements)
    joined = "sinus rhythm. left bundle branch block. atrial fibrillation."
    words = tokenizer(joined, add_special_tokens=False)["input_ids"]
    assert tokens == [tokenizer.bos_token_id, *words, tokenizer.sep_token_id]
    for number, statement in enumerate(statements):
        pieces = [token for token, owner in zip(tokens, sentence, strict=True) if owner == number]
        assert encode.decode(pieces) == statement.strip().removesuffix(".") + "."
    assert sentence[0] == sentence[-1] == -1 and sorted(set(sentence)) == [-1, 0, 1, 2]
    assert encode.encode([]) == ([tokenizer.bos_token_id, tokenizer.sep_token_id], [-1, -1])


def test_long_reports_are_truncated_by_statements(tokenizer: Any) -> None:
    sizes = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in TEXTS[:3]]
    statements = TEXTS[:3]
    for room in range(1, sum(sizes) + 3):
        tokens, sentence = ReportEncoder(tokenizer, room + 2).encode(statements)
        fitting = sum(sum(sizes[: count + 1]) <= room for count in range(3))
        assert max(sentence) + 1 == max(fitting, 1)
        assert len(tokens) == 2 + (sum(sizes[:fitting]) if fitting else room) <= room + 2
        assert tokens[-1] == tokenizer.sep_token_id


def test_batch_is_padded_to_its_longest_report(tokenizer: Any) -> None:
    encode = ReportEncoder(tokenizer)
    reports = [["sinus rhythm"], ["left bundle branch block", "sinus rhythm"], []]
    batch = encode(reports)
    rows = [encode.encode(report) for report in reports]
    assert batch["tokens"].shape == batch["sentence"].shape == (3, max(len(row[0]) for row in rows))
    for row, (tokens, sentence) in enumerate(rows):
        assert batch["tokens"][row, : len(tokens)].tolist() == tokens
        assert (batch["tokens"][row, len(tokens) :] == tokenizer.pad_token_id).all()
        assert batch["sentence"][row, : len(tokens)].tolist() == sentence
        assert (batch["sentence"][row, len(tokens) :] == -1).all()


def test_encoder_can_be_pickled(tokenizer: Any) -> None:
    encode = ReportEncoder(tokenizer, 9)
    restored = pickle.loads(pickle.dumps(encode))
    before, after = encode([TEXTS[:2], TEXTS[2:]]), restored([TEXTS[:2], TEXTS[2:]])
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_saved_tokenizer_does_what_that_of_transformers_does(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded, theirs = load_tokenizer(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(loaded, SavedTokenizer) and len(loaded) == len(theirs) == len(tokenizer)
    assert all(getattr(loaded, f"{name}_id") == getattr(theirs, f"{name}_id") for name in SPECIAL_TOKENS)
    for text in (
        *TEXTS[:4],
        "sinus rhythm. ST depression in V4",
        "",
        "\u2603 [BOS] rhythm[SEP]",
        "Vorhof-fl\u00e4che",
    ):
        for special in (False, True):
            pieces = loaded(text, add_special_tokens=special)["input_ids"]
            assert pieces == theirs(text, add_special_tokens=special)["input_ids"]
            for skip in (False, True):
                words = theirs.decode(pieces, skip_special_tokens=skip)
                assert loaded.decode(pieces, skip_special_tokens=skip) == words
    words = ["[BOS]", "sinus", "xyzzy"]
    assert loaded.convert_tokens_to_ids(words) == theirs.convert_tokens_to_ids(words)
    (tmp_path / "again").mkdir()
    pickle.loads(pickle.dumps(loaded)).save_pretrained(tmp_path / "again")
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_missing_bos_is_added(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sinus", "rhythm", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert (loaded.bos_token, loaded.bos_token_id, len(loaded)) == ("[BOS]", 8, 9)
    tokens, sentence = ReportEncoder(loaded).encode(["sinus rhythm"])
    assert tokens == [8, 5, 6, 7, 3] and sentence == [-1, 0, 0, 0, -1]


def test_other_folders_raise(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="no tokenizer could be read"):
        load_tokenizer(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    file.write_text(file.read_text()[:100])
    with pytest.raises(MelpError, match="no tokenizer could be read"):
        load_tokenizer(tmp_path)


def test_tokenizer_without_specials_raises(tokenizer: Any, tmp_path: Path) -> None:
    bare = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]"
    )
    bare.save_pretrained(tmp_path)
    with pytest.raises(MelpError, match="has no cls_token, wanted a tokenizer of BERT"):
        load_tokenizer(tmp_path)
