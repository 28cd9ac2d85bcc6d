"""Our BERT against Hugging Face's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from melp.errors import MelpError
from melp.nn.bert import Bert, BertConfig
from melp.text.hugging_face import from_hugging_face, load_bert


def hugging_face_config(**changes: object) -> transformers.BertConfig:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return transformers.BertConfig(vocab_size=20, max_position_embeddings=12, **{**sizes, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as stage 1 writes it."""
    folder = tmp_path_factory.mktemp("lm")
    torch.manual_seed(0)
    transformers.BertForMaskedLM(hugging_face_config()).save_pretrained(folder)
    return folder


@torch.no_grad()
@pytest.mark.parametrize("causal", [False, True])
def test_equals_hugging_face(folder: Path, causal: bool) -> None:
    theirs = transformers.BertModel.from_pretrained(
        folder, add_pooling_layer=False, is_decoder=causal, attn_implementation="eager"
    ).eval()
    ours = load_bert(folder).eval()
    tokens = torch.randint(1, 20, (3, 7))
    real = torch.arange(7) < torch.tensor([[7], [4], [6]])
    wanted = theirs(tokens, attention_mask=real.long(), use_cache=False).last_hidden_state
    mask = None if causal else real[:, None, None]
    states = ours(tokens, torch.arange(7)[None], causal=causal, mask=mask)
    torch.testing.assert_close(states[real], wanted[real], rtol=1e-5, atol=1e-5)


def test_larger_vocabulary_keeps_the_embeddings(folder: Path) -> None:
    before, after = load_bert(folder), load_bert(folder, vocabulary=23)
    assert after.config == BertConfig(vocabulary=23, dim=16, layers=2, heads=2, feedforward=32, positions=12)
    assert torch.equal(after.word_embeddings.weight[:20], before.word_embeddings.weight)
    assert 0 < float(after.word_embeddings.weight[20:].detach().std()) < 0.1
    restored = Bert(after.config)
    restored.load_state_dict(after.state_dict())


def test_broken_weights_raise(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "model.safetensors"
    state = load_file(weights)
    save_file({name: value for name, value in state.items() if "layer.1." not in name}, weights)
    with pytest.raises(MelpError, match=r"no encoder\.layer\.1\..* found"):
        load_bert(tmp_path)
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(MelpError, match="no BERT could be read"):
        load_bert(tmp_path)


def test_other_models_raise(tmp_path: Path) -> None:
    with pytest.raises(MelpError, match="no BERT could be read"):
        load_bert(tmp_path)
    with pytest.raises(MelpError, match=r"no embeddings\..* found, wanted"):
        from_hugging_face(Bert(BertConfig(10, 8, 1, 2, 16, 8)), {})
    transformers.GPT2Model(transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    with pytest.raises(MelpError, match="model_type 'gpt2' found, wanted 'bert'"):
        load_bert(tmp_path)
    transformers.BertModel(hugging_face_config(hidden_act="relu")).save_pretrained(tmp_path)
    with pytest.raises(MelpError, match="hidden_act 'relu' found, wanted 'gelu'"):
        load_bert(tmp_path)
