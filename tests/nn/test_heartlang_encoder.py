"""HeartLang's transformer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from melp.corpora.synthetic import simulate_records
from melp.errors import MelpError
from melp.nn import build_encoder
from melp.nn.heartlang import HeartLangConfig, HeartLangEncoder
from melp.signal.resampling import resample

SMALL = HeartLangConfig(dim=16, layers=2, heads=2, head_dim=6, feedforward=32, slots=250, dropout=0.0)


@pytest.fixture(scope="module")
def ecg() -> torch.Tensor:
    return torch.tensor(np.stack([each.ecg.signal for each in simulate_records(5, 2, 100)]))


@pytest.fixture(scope="module")
def encoder() -> HeartLangEncoder:
    torch.manual_seed(0)
    return HeartLangEncoder(SMALL).eval()


@torch.no_grad()
def test_token_embeddings_are_a_circular_convolution(encoder: HeartLangEncoder) -> None:
    beats = torch.randn(2, 7, 96)
    weight = encoder.beat_embedding.weight
    found = encoder.embed_beats(beats)
    for slot in range(7):
        around = [beats[:, (slot + step) % 7] @ weight[:, :, step + 1].T for step in (-1, 0, 1)]
        torch.testing.assert_close(found[:, slot], sum(around), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_words_equal_those_of_each_recording_alone(encoder: HeartLangEncoder, ecg: torch.Tensor) -> None:
    sentences = encoder.sentences(ecg)
    embedded = encoder.embed_beats(sentences.beats)
    token, words = encoder.contextualise(embedded, sentences)
    for row in range(len(ecg)):
        used = int(sentences.used[row].sum())
        x = [encoder.class_token + encoder.positions[0]]
        for slot in range(used):
            lead = encoder.lead_embedding.weight[sentences.lead[row, slot]]
            second = encoder.second_embedding.weight[sentences.second[row, slot]]
            x.append(embedded[row, slot] + lead + second + encoder.positions[slot + 1])
        alone = torch.stack(x)[None]
        for layer in encoder.layers:
            alone = layer(alone)
        alone = encoder.norm(alone)[0]
        torch.testing.assert_close(token[row], alone[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(words[row, :used], alone[1:], rtol=1e-4, atol=1e-4)
    assert torch.equal(encoder.embed(ecg), token)


@torch.no_grad()
def test_frames_are_means_of_the_words_of_their_beat(encoder: HeartLangEncoder, ecg: torch.Tensor) -> None:
    frames, sentences = encoder(ecg), encoder.sentences(ecg)
    words = encoder.contextualise(encoder.embed_beats(sentences.beats), sentences)[1]
    assert frames.shape == (5, 40, 16)
    for row in range(5):
        count = int(sentences.count[row])
        for frame in range(40):
            middle = 25 * frame + 12.5
            beat = min(sum(end <= middle for end in sentences.ends[row].tolist()), count - 1)
            wanted = torch.stack([words[row, lead * count + beat] for lead in range(12)]).mean(0)
            torch.testing.assert_close(frames[row, frame], wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_empty_slots_are_ignored(encoder: HeartLangEncoder, ecg: torch.Tensor) -> None:
    sentences = encoder.sentences(ecg)
    embedded = encoder.embed_beats(sentences.beats)
    other = torch.where(sentences.used[..., None], embedded, 50.0)
    found, wanted = (encoder.contextualise(each, sentences) for each in (other, embedded))
    torch.testing.assert_close(found[0], wanted[0])
    torch.testing.assert_close(found[1][sentences.used], wanted[1][sentences.used])


@torch.no_grad()
def test_rate_and_length() -> None:
    encoder = build_encoder("heartlang_narrow", ecg_rate=500).eval()
    fine = torch.tensor(np.stack([each.ecg.signal for each in simulate_records(2, 2, 500)]))
    assert encoder(fine).shape == (2, 40, 96)
    coarse = build_encoder("heartlang_narrow", ecg_rate=100).eval()
    coarse.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(coarse(resample(fine, 500, 100)), encoder(fine), rtol=1e-4, atol=1e-5)
    long = torch.cat([resample(fine, 500, 100)] * 2, dim=-1)
    assert coarse(long).shape == (2, 80, 96), "the seconds after 15 share an embedding"
    with pytest.raises(MelpError, match="heartlang: rate 0 Hz found, wanted a positive number"):
        build_encoder("heartlang_narrow", rate=0)
