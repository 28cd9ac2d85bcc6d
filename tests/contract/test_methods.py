"""The contract that every method of `list_methods()` must fulfil.

A new method is tested as soon as it has a file and a recipe NAME/tiny. Variants of it with other graphs may
be added to `FORMS`.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor

from melp.hub import load, save
from melp.methods import get_method, list_methods
from melp.methods._base import Method
from melp.methods._options import list_options
from small_methods import Workshop, part_of, rows_of, without_dropout

PROCESSES, RECORDS, SPLIT = 2, 8, 3
WEIGHTS = ("global_weight", "caption_weight", "local_weight")
FORMS: dict[str, list[tuple[str, ...]]] = {
    "clocs": [
        ("form=cmlc",),
        (
            "form=cmsmlc",
            "encoder=resnet18_narrow",
            "encoder_options={widths: [4], blocks: [1], strides: [4]}",
        ),
        ("leads=together", "probe=stages"),
    ],
    "merl": [
        ("text_attention=statement", "text_pooling=statements", "identical_reports=implied", "pooling=mean"),
        ("cross_modal_weight=0",),
        ("uni_modal_weight=0", "text_attention=causal"),
    ],
    "simclr": [("encoder=vit_narrow", "encoder_options={dim: 16, layers: 1, heads: 2, dropout: 0}")],
    "byol": [("augmentation=fairseq_signals",)],
    "ts_tcc": [("contextual_weight=0",)],
    "quest": [("text_trained=true",), ("heads=0", "implied=false")],
    "melp": [
        *(
            tuple(f"{weight}=0" for weight, on in zip(WEIGHTS, switches, strict=True) if not on)
            for switches in product((0, 1), repeat=3)
            if 0 < sum(switches) < 3
        ),
        ("text_attention=bidirectional", "identical_reports=positives"),
        ("text_attention=bidirectional", "text_pooling=tokens", "local_form=code", "local_aggregation=sum"),
        (
            "text_attention=statement",
            "text_pooling=statements",
            "identical_reports=implied",
            "decoder_tied=true",
        ),
        ("text_attention=statement", "text_pooling=tokens", "global_weight=0", "local_weight=0"),
        ("text_attention=bidirectional", "global_weight=0", "local_weight=0"),
        ("encoder=resnet18", "encoder_options={widths: [8, 8, 16, 16]}", "frozen_layers=1", "probe=frames"),
        ("encoder=wav2vec2_tiny", "encoder_options={}", "lead_fill=zero"),
    ],
}


def forms(name: str) -> list[tuple[str, ...]]:
    """Return the recipe itself, each earlier stage of the method, and its `FORMS`."""
    return [(), *((f"stage={stage}",) for stage in get_method(name).stages[:-1]), *FORMS.get(name, [])]


STILL = {
    # A constant before a batch norm changes nothing, and both methods keep the published biases there.
    "byol": ("projector.3.bias",),
    "barlow_twins": ("projector.6.bias",),
    # Distances, variances and covariances do not change with a constant.
    "vicreg": ("projector.6.bias",),
}
"""Parameters that the loss does not depend on, by method."""
CASES = [(name, form) for name in list_methods() for form in forms(name)]
case = pytest.mark.parametrize(("name", "form"), CASES, ids=[" ".join([name, *form]) for name, form in CASES])
every_method = pytest.mark.parametrize("name", list_methods())


@pytest.fixture(scope="module")
def workshop(synthetic_store: Path) -> Workshop:
    return Workshop(synthetic_store)


def gradients(method: Method, batch: dict[str, Any]) -> dict[str, Tensor]:
    """Return the loss, the gradients of all trainable parameters and the running statistics."""
    method.train().zero_grad(set_to_none=True)
    loss = method(batch)["loss"]
    loss.backward()
    result = {"loss": loss.detach()}
    for parameter, weight in method.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, f"{parameter} has no gradient"
            result[parameter] = weight.grad.clone()
    running = {
        key: value for key, value in method.named_buffers() if key.endswith(("running_mean", "running_var"))
    }
    return result | {key: value.clone() for key, value in running.items()}


def assert_alike(result: dict[str, Tensor], expected: dict[str, Tensor], share: float = 1e-4) -> None:
    """Assert equality up to rounding, relative to the largest value of each tensor."""
    assert result.keys() == expected.keys()
    # Some gradients are 0 up to rounding, such as that of the bias of attention keys.
    floor = max(float(value.abs().max()) for key, value in expected.items() if key != "loss") / 1000
    for key, value in expected.items():
        off = float((result[key] - value).abs().max())
        assert off <= share * max(float(value.abs().max()), floor), f"{key} is off by {off}"


def still(workshop: Workshop, name: str, form: tuple[str, ...]) -> set[str]:
    """Return the trainable parameters without a gradient beyond rounding, relative to the largest gradient.

    In double precision, because rounding in single precision looks like a small gradient. The bias of
    attention keys is left out: a softmax does not change if a constant is added to its logits.
    """
    method = workshop.method(name, form).double()
    result = gradients(method, in_double(workshop.batch(name)))
    trained = [key for key, weight in method.named_parameters() if weight.requires_grad]
    sizes = {key: float(result[key].abs().max()) for key in trained if not key.endswith("attention.key.bias")}
    return {key for key, size in sizes.items() if size < 1e-7 * max(sizes.values())}


@case
def test_finite_loss_and_a_gradient_for_every_trainable_parameter(
    workshop: Workshop, name: str, form: tuple[str, ...]
) -> None:
    method = workshop.method(name, form)
    result = gradients(method, workshop.batch(name))
    assert all(bool(value.isfinite().all()) for value in result.values())
    assert result["loss"].shape == () and result["loss"] > method.least_loss
    assert still(workshop, name, form) == set(STILL.get(name, ())), "gradients of rounding noise only"
    grouped = [id(weight) for group in method.param_groups() for weight in group["params"]]
    assert sorted(grouped) == sorted(id(weight) for weight in method.parameters() if weight.requires_grad)


@every_method
def test_overfits_one_batch(workshop: Workshop, name: str) -> None:
    method = workshop.method(name).train()
    batch = workshop.batch(name)
    optimiser = torch.optim.AdamW(method.parameters(), lr=4e-3)
    losses: list[float] = []
    # Below 40 % of the initial loss in at most 80 steps.
    while len(losses) < 80 and (not losses or losses[-1] >= 0.4 * losses[0]):
        optimiser.zero_grad()
        loss = method(batch)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()) - method.least_loss)
        method.after_step(len(losses), 80)
    assert min(losses) >= 0 and losses[-1] < 0.4 * losses[0], losses


@every_method
def test_same_seed_same_loss(workshop: Workshop, name: str) -> None:
    batch = workshop.batch(name)
    with torch.no_grad():
        first, second, other = (workshop.method(name, seed=seed)(batch)["loss"] for seed in (3, 3, 4))
    assert first == second != other


@case
def test_loss_does_not_depend_on_the_order_of_the_batch(
    workshop: Workshop, name: str, form: tuple[str, ...]
) -> None:
    batch = workshop.batch(name)
    order = torch.randperm(RECORDS, generator=torch.Generator().manual_seed(5))
    expected = gradients(workshop.method(name, form), batch)
    assert_alike(gradients(workshop.method(name, form), rows_of(batch, order)), expected)


@case
def test_a_saved_and_loaded_method_gives_the_same_embeddings(
    workshop: Workshop, name: str, form: tuple[str, ...], tmp_path: Path
) -> None:
    method = workshop.method(name, form).eval()
    ecg = workshop.batch(name)["ecg"]
    save(tmp_path, method, name, workshop.preprocessing(name))
    model = load(tmp_path)
    with torch.no_grad():
        assert torch.equal(model.method.embed(ecg), method.embed(ecg))
    assert model.method.config == method.config and model.name == name
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob("*.pt"))


@torch.no_grad()
@case
def test_embeddings_are_deterministic_and_of_the_stated_shape(
    workshop: Workshop, name: str, form: tuple[str, ...]
) -> None:
    method = workshop.method(name, form).eval()
    ecg = workshop.batch(name)["ecg"]
    result = method.embed(ecg)
    assert result.ndim == 2 and result.shape[0] == RECORDS and bool(result.isfinite().all())
    assert torch.equal(method.embed(ecg), result)
    alone = torch.cat([method.embed(ecg[row : row + 1]) for row in range(RECORDS)])
    torch.testing.assert_close(alone, result, rtol=1e-4, atol=1e-5)
    assert float((result[0] - result[1]).abs().max()) > 1e-4, "different recordings look different"


@case
def test_finite_in_half_precision(workshop: Workshop, name: str, form: tuple[str, ...]) -> None:
    method, batch = workshop.method(name, form), workshop.batch(name)
    expected = float(gradients(method, batch)["loss"])
    with torch.autocast("cpu", torch.bfloat16):
        result = gradients(method, batch)
    assert all(bool(value.isfinite().all()) for value in result.values())
    assert float(result["loss"]) == pytest.approx(expected, rel=0.05, abs=0.05)


def in_double(batch: dict[str, Any]) -> dict[str, Any]:
    return {**batch, "ecg": batch["ecg"].double()}


def process(rank: int, folder: str, cases: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    for number in range(cases):
        method = without_dropout(load(f"{folder}/{number}").method).double()
        batch = torch.load(f"{folder}/{number}/batch{rank}", weights_only=True)
        torch.save(gradients(method, batch), f"{folder}/{number}/gradients{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def shared(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[tuple[str, tuple[str, ...]], Path]:
    """Return the gradients of each case in two processes with three and five records."""
    folder = tmp_path_factory.mktemp("processes")
    pad = workshop.language.tokenizer.pad_token_id
    expected = [item for item in request.session.items if "shared" in getattr(item, "fixturenames", ())]
    cases = [(item.callspec.params["name"], item.callspec.params["form"]) for item in expected]  # type: ignore[attr-defined]
    # Double precision, because rounding in single precision may switch an activation near 0.
    for number, (name, form) in enumerate(cases):
        save(folder / str(number), workshop.method(name, form), name, workshop.preprocessing(name))
        batch = in_double(workshop.batch(name))
        for rank, (first, last) in enumerate(((0, SPLIT), (SPLIT, RECORDS))):
            torch.save(part_of(batch, first, last, pad), folder / str(number) / f"batch{rank}")
    multiprocessing.spawn(process, args=(str(folder), len(cases)), nprocs=PROCESSES)
    return {key: folder / str(number) for number, key in enumerate(cases)}


@case
def test_two_processes_give_the_gradient_of_the_joined_batch(
    workshop: Workshop, shared: dict[tuple[str, tuple[str, ...]], Path], name: str, form: tuple[str, ...]
) -> None:
    folder = shared[name, form]
    method = without_dropout(load(folder).method).double()
    expected = gradients(method, in_double(workshop.batch(name)))
    parts = [torch.load(folder / f"gradients{rank}", weights_only=True) for rank in range(PROCESSES)]
    assert parts[0].keys() == parts[1].keys()
    assert_alike({key: (parts[0][key] + parts[1][key]) / 2 for key in parts[0]}, expected, share=1e-6)


@every_method
def test_docstring_and_options_are_complete(name: str) -> None:
    kind = get_method(name)
    assert kind.paper and set(kind.needs) <= {"ecg", "text", "patient", "bank"}
    for part in ("In words: ", "Paper: ", "Differences:"):
        assert part in (kind.__doc__ or ""), f"no {part!r} in the docstring of {name}"
    assert kind.Config.__dataclass_params__.frozen  # type: ignore[attr-defined]
    without = [option.name for option in list_options(kind.Config) if not option.meaning]
    assert not without, f"options of {name} without a docstring: {without}"
