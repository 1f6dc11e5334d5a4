import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from action_recog.datasets.ucf101 import load_split
from action_recog.errors import BadInput
from action_recog.experiment.evaluation import predict
from action_recog.networks.resnet3d import network as network_of
from action_recog.networks.resnet3d import resnet3d
from action_recog.training.batch_norm import precise_batch_norm
from action_recog.training.checkpoints import load_checkpoint, save_checkpoint, transfer
from action_recog.training.convergence import HeldOutCheck, Plateau, best_check, convergence
from action_recog.training.loop import train
from action_recog.training.optimiser import learning_rate, parameter_groups
from action_recog.training.options import (
    ComputeOptions,
    TrainingOptions,
    make_fabric,
    resolve_precision,
)
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.views import ViewOptions, standardise
from tests.action_recog.toy_videos import write_toy_ucf

VIEWS = ViewOptions(
    frames=4, stride=4, size=32, jitter=(32, 36), test_size=32, test_clips=2, test_crops=3
)
OPTIONS = TrainingOptions(steps=12, batch=4, lr=0.02, precise_bn=2)
COMPUTE = ComputeOptions(precision="32-true", quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    videos, lists = write_toy_ucf(tmp_path_factory.mktemp("ucf"))
    train_set, test_set, _ = load_split(videos, lists, 1)
    return train_set, test_set


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _store(videos, **options):
    store = FrameStore(short_side=VIEWS.stored_short_side, **options)
    store.fill((v.path for v in videos.videos), quiet=True)
    return store


def _network():
    torch.manual_seed(0)
    return resnet3d(classes=3, trunk="c2d", depth=10, channels=4, dropout=0.3)


def _run(folder, videos, *, options=OPTIONS, compute=COMPUTE, store=None, **changes):
    network = _network()
    arguments = {
        "views": VIEWS,
        "options": options,
        "seed": 3,
        "store": store or _store(videos),
        "fabric": make_fabric(compute),
        "folder": folder,
        "facts": {"arch": "toy"},
        "title": "toy",
        "compute": compute,
    }
    train(network, videos, **{**arguments, **changes})
    return network


def _bytes(folder):
    return (folder / "network.safetensors").read_bytes()


def test_a_run_leaves_what_is_needed_to_know_it(data, tmp_path):
    network = _run(tmp_path / "run", data[0])
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["training"]["lr"] == 0.02 and config["classes"] == ["Blink", "Down", "Grow"]
    assert config["stand_in"] is True
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert list((tmp_path / "run/events").glob("events*"))
    tensors, facts = load_checkpoint(tmp_path / "run/network.safetensors")
    assert facts["metrics"] == {**rows[-1], "steps_in_all": 12} and facts["config"] == config
    for name, value in network.state_dict().items():
        assert torch.equal(tensors[name], value), name


def test_a_store_on_disk_is_part_of_a_run_and_loading_processes_change_no_byte(data, tmp_path):
    kept = {"folder": tmp_path / "frames"}
    _run(tmp_path / "one", data[0], store=_store(data[0], **kept))
    processes = replace(COMPUTE, loaders=1)
    _run(tmp_path / "two", data[0], store=_store(data[0], **kept), compute=processes)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    config = json.loads((tmp_path / "one/config.json").read_text())
    assert "JPEG" in config["frames"]
    with pytest.raises(BadInput, match="frames"):
        _run(tmp_path / "one", data[0])


def test_loader_workers_and_memory_change_no_byte(data, tmp_path):
    _run(tmp_path / "a", data[0])
    _run(tmp_path / "b", data[0], compute=replace(COMPUTE, workers=2))
    _run(tmp_path / "c", data[0], store=_store(data[0], budget=0))
    _run(tmp_path / "d", data[0], seed=4)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b") == _bytes(tmp_path / "c")
    assert _bytes(tmp_path / "a") != _bytes(tmp_path / "d")


def test_no_process_is_forked_to_load_clips(data, tmp_path, monkeypatch):
    """The threads of decoders and of torch do not survive a fork: the child waited for ever."""
    monkeypatch.setattr("os.fork", lambda: pytest.fail("a process was forked"))
    compute = replace(COMPUTE, workers=1)
    network = _run(tmp_path / "run", data[0], compute=compute)
    predictions = predict(
        network, data[1], views=VIEWS, store=_store(data[1]), fabric=make_fabric(compute),
        compute=compute,
    )  # fmt: skip
    assert predictions.shape == (6, 3)


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_an_interrupted_run_ends_with_the_same_bytes(data, tmp_path, monkeypatch, optimiser):
    import action_recog.training.run_folder as training

    whole, options = tmp_path / "whole", replace(OPTIONS, optimiser=optimiser)
    _run(whole, data[0], options=options)
    save, calls = training.save_checkpoint, []

    def interrupted(path, tensors, facts):
        if len(calls) == 2:
            raise _Interrupted
        calls.append(path)
        save(path, tensors, facts)

    monkeypatch.setattr(training, "save_checkpoint", interrupted)
    with pytest.raises(_Interrupted):
        _run(tmp_path / "cut", data[0], options=options)
    monkeypatch.setattr(training, "save_checkpoint", save)
    assert not (tmp_path / "cut/network.safetensors").exists()
    _run(tmp_path / "cut", data[0], options=options)
    assert _bytes(tmp_path / "cut") == _bytes(whole)
    rows = (tmp_path / "cut/metrics.jsonl").read_text().splitlines()
    assert [json.loads(r)["epoch"] for r in rows] == [0, 1, 2, 3]


def test_a_finished_run_is_loaded_and_another_one_refused(data, tmp_path, monkeypatch):
    import action_recog.training.run_folder as training

    first = _run(tmp_path / "run", data[0])
    monkeypatch.setattr(training, "save_checkpoint", None)  # nothing is trained or written again
    again = _run(tmp_path / "run", data[0])
    assert torch.equal(first.fc.weight, again.fc.weight)
    with pytest.raises(BadInput, match="another configuration"):
        _run(tmp_path / "run", data[0], options=replace(OPTIONS, lr=0.5))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "seed was 3, is 4"),
        ({"views": replace(VIEWS, stride=3)}, "views: stride was 4, is 3"),
        ({"facts": {"arch": "other"}}, "arch was .toy., is .other."),
        (
            {"compute": replace(COMPUTE, precision="bf16-mixed")},
            "precision was .32-true., is .bf16",
        ),
    ],
    ids=lambda value: "",
)
def test_a_run_is_of_its_seed_views_facts_and_precision(data, tmp_path, change, words):
    store, options = _store(data[0]), replace(OPTIONS, steps=3, precise_bn=0)
    _run(tmp_path / "run", data[0], store=store, options=options)
    with pytest.raises(BadInput, match=words):
        _run(tmp_path / "run", data[0], store=store, **{"options": options, **change})


def test_learning_reaches_unseen_videos(data, tmp_path):
    """Blinking, sinking and growing squares are told apart, and far above chance."""
    train_set, test_set = data
    store = _store(train_set)
    store.fill((v.path for v in test_set.videos), quiet=True)
    network = _run(
        tmp_path / "run",
        train_set,
        options=replace(OPTIONS, steps=120, lr=0.05, checkpoint_every=40),
        store=store,
    )
    found = predict(
        network, test_set, views=VIEWS, store=store, fabric=make_fabric(COMPUTE), compute=COMPUTE
    )
    labels = [v.label for v in test_set.videos]
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert np.mean(found.argmax(1) == labels) >= 4 / 6
    network.train()
    halves = [
        predict(
            network, test_set, views=VIEWS, store=store, fabric=make_fabric(COMPUTE),
            compute=replace(COMPUTE, workers=workers), views_per_batch=views_per_batch,
        )
        for workers, views_per_batch in ((0, 1), (2, 13))
    ]  # fmt: skip
    np.testing.assert_allclose(halves[0], found, atol=1e-6)
    np.testing.assert_allclose(halves[1], found, atol=1e-6)
    assert network.training


def test_no_weight_decay_on_batch_normalisation():
    network = _network()
    decayed, free = parameter_groups(network, 1e-4)
    assert decayed["weight_decay"] == 1e-4 and free["weight_decay"] == 0.0
    names = {id(p): n for n, p in network.named_parameters()}
    assert all(
        ".bn" in n or n.startswith("bn") or ".downsample.1." in n
        for n in (names[id(p)] for p in free["params"])
    )
    total = sum(len(g["params"]) for g in (decayed, free))
    assert total == len(list(network.parameters()))


def test_schedules():
    step = TrainingOptions(steps=80, lr=1.0, schedule="step", decays=(0.375, 0.75))
    rates = [learning_rate(step, e) for e in (0, 29, 30, 59, 60, 79)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    cosine = TrainingOptions(steps=100, lr=1.0, warmup=0.2)
    assert learning_rate(cosine, 0) == pytest.approx(0.01)
    assert learning_rate(cosine, 50) == pytest.approx(0.5)
    assert learning_rate(cosine, 100) == pytest.approx(0.0)
    plateau = Plateau(check_every=5, warmup_steps=10)
    level = TrainingOptions(steps=100, lr=1.0, warmup=0.5, plateau=plateau)
    rates = [learning_rate(level, step, drops=drops) for step, drops in ((0, 0), (10, 0), (99, 1))]
    assert rates == pytest.approx([0.01, 1, 0.1])


@pytest.mark.parametrize(("steps", "epochs"), [(7, 3), (9, 3), (2, 1)])
def test_the_budget_is_kept_to_the_step(data, tmp_path, monkeypatch, steps, epochs):
    """Twelve videos in batches of four: an epoch has three steps, and the last one may be cut."""
    taken = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda *a, **k: (taken.append(1), step(*a, **k))[1]
    )
    options = replace(OPTIONS, steps=steps)
    _run(tmp_path / "run", data[0], options=options, compute=replace(COMPUTE, workers=2))
    assert len(taken) == steps
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert len(rows) == epochs and rows[-1]["step"] == steps
    assert sum(row["clips"] for row in rows) == 4 * steps
    # A cut epoch says little by itself: it counts with the one before.
    latest = rows[-2:] if steps == 7 else rows[-1:]
    right = sum(row["accuracy"] * row["clips"] for row in latest)
    accuracy = right / sum(row["clips"] for row in latest)
    assert rows[-1]["training_accuracy"] == pytest.approx(accuracy)
    _, facts = load_checkpoint(tmp_path / "run/network.safetensors")
    assert facts["metrics"]["steps_in_all"] == steps


def _held_out(answers):
    """Held-out videos that answer in turn, whatever the network is."""
    states = []

    def measure(network):
        states.append({k: v.clone() for k, v in network.state_dict().items()})
        return answers[len(states) - 1], 1.0

    return measure, states


PLATEAU = Plateau(check_every=3, patience=2, drops=1)


def test_a_training_to_convergence_ends_with_the_best_network(data, tmp_path):
    """Best at the third check; two without gain drop the rate, two more end it."""
    measure, states = _held_out([0.2, 0.5, 0.75, 0.7, 0.75, 0.6, 0.1, 1.0])
    options = replace(OPTIONS, steps=300, plateau=PLATEAU, precise_bn=0)
    network = _run(tmp_path / "run", data[0], options=options, held_out=measure)
    assert len(states) == 7
    for name, value in network.state_dict().items():
        assert torch.equal(value, states[2][name]), name
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["lr"] for row in rows] == pytest.approx([0.02] * 5 + [0.002] * 2)
    _, facts = load_checkpoint(tmp_path / "run/network.safetensors")
    assert (facts["metrics"]["step"], facts["metrics"]["steps_in_all"]) == (9, 21)
    assert facts["metrics"]["held_out_accuracy"] == 0.75


def test_the_cap_ends_a_training_that_does_not_converge(data, tmp_path):
    measure, states = _held_out([0.1, 0.2, 0.3, 0.4])
    options = replace(OPTIONS, steps=8, plateau=PLATEAU, precise_bn=2)
    _run(tmp_path / "run", data[0], options=options, held_out=measure)
    _, facts = load_checkpoint(tmp_path / "run/network.safetensors")
    assert len(states) == 3 and facts["metrics"]["steps_in_all"] == 8


def test_an_interrupted_training_to_convergence_ends_with_the_same_bytes(
    data, tmp_path, monkeypatch
):
    import action_recog.training.run_folder as training

    answers = [0.2, 0.5, 0.4, 0.4, 0.3, 0.3]
    options = replace(OPTIONS, steps=300, plateau=PLATEAU)
    _run(tmp_path / "whole", data[0], options=options, held_out=_held_out(answers)[0])
    save, calls = training.save_checkpoint, []

    def interrupted(path, tensors, facts):
        if len(calls) == 3:
            raise _Interrupted
        calls.append(path)
        save(path, tensors, facts)

    monkeypatch.setattr(training, "save_checkpoint", interrupted)
    with pytest.raises(_Interrupted):
        _run(tmp_path / "cut", data[0], options=options, held_out=_held_out(answers)[0])
    monkeypatch.setattr(training, "save_checkpoint", save)
    _run(tmp_path / "cut", data[0], options=options, held_out=_held_out(answers[3:])[0])
    assert _bytes(tmp_path / "cut") == _bytes(tmp_path / "whole")


def test_precise_batch_norm_is_the_plain_average():
    network = resnet3d(classes=3, trunk="c2d", depth=10, channels=4)
    batches = [torch.randint(0, 255, (3, 3, 4, 32, 32), dtype=torch.uint8) for _ in range(3)]
    precise_batch_norm(network, batches, make_fabric(COMPUTE))
    with torch.no_grad():
        means = [network.conv1(standardise(b)).mean(dim=(0, 2, 3, 4)) for b in batches]
    torch.testing.assert_close(network.bn1.running_mean, torch.stack(means).mean(0))
    assert network.bn1.momentum == 0.1


def test_transfer_takes_the_trunk_and_leaves_the_classifier():
    torch.manual_seed(1)
    source = resnet3d(classes=7, trunk="c2d", depth=10, channels=4)
    target = _network()
    before = target.fc.weight.clone()
    assert transfer(source.state_dict(), target) == ["fc.weight", "fc.bias"]
    assert torch.equal(target.conv1.weight, source.conv1.weight)
    assert torch.equal(target.fc.weight, before)
    with pytest.raises(BadInput, match=r"conv1\.weight"):
        transfer(resnet3d(classes=7, trunk="c2d", depth=10, channels=8).state_dict(), target)


def test_non_local_blocks_are_put_into_a_network_trained_without():
    torch.manual_seed(0)
    source = resnet3d(classes=3, trunk="c2d", depth=18, channels=4, pairwise=None).eval()
    target = resnet3d(classes=5, trunk="c2d", depth=18, channels=4, positions=((3, 1), (4, 0)))
    unchanged = transfer(source.state_dict(), target)
    assert {name.split(".")[1] for name in unchanged if "." in name and "fc" not in name} == {
        "layer2_1",
        "layer3_0",
    }
    clip = torch.randn(2, 3, 4, 32, 32)
    assert torch.equal(target.eval().features(clip), source.features(clip))
    # the other way the blocks would be lost, and half a block is none
    with pytest.raises(BadInput, match=r"found nonlocal_blocks\.layer2_1.*network has not"):
        transfer(target.state_dict(), source)
    half = {n: v for n, v in target.state_dict().items() if n != "nonlocal_blocks.layer2_1.g.bias"}
    with pytest.raises(BadInput, match=r"nothing for nonlocal_blocks\.layer2_1\.g\.bias"):
        transfer(half, target)


def test_a_checkpoint_that_does_not_belong_to_its_side_car_is_refused(data, tmp_path):
    _run(tmp_path / "run", data[0], options=replace(OPTIONS, steps=3))
    path = tmp_path / "run/network.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(BadInput, match="does not belong"):
        load_checkpoint(path)
    with pytest.raises(BadInput, match="no checkpoint"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_devices_that_are_not_there(monkeypatch):
    with pytest.raises(BadInput, match="expected cpu, cuda"):
        make_fabric(ComputeOptions(device="tpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="--device cuda: no CUDA device"):
        make_fabric(ComputeOptions(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(BadInput, match="--device cuda:2: found 2 CUDA devices"):
        make_fabric(ComputeOptions(device="cuda:2"))
    with pytest.raises(BadInput, match="3 devices: found 2 CUDA devices"):
        make_fabric(ComputeOptions(device="cuda", devices=3))
    with pytest.raises(BadInput, match="--device cuda:1 is one device, not 2"):
        make_fabric(ComputeOptions(device="cuda:1", devices=2))
    assert resolve_precision("32-true", "cpu") == "32-true"
    assert resolve_precision("auto", "cpu") in ("bf16-mixed", "32-true")


@pytest.mark.parametrize(("frames", "size"), [(2, 32), (4, 32), (8, 64)])
def test_equal_seeds_give_equal_weights_in_bfloat16(data, tmp_path, frames, size):
    views = replace(VIEWS, frames=frames, size=size, jitter=(size, size + 4), test_size=size)
    compute = replace(COMPUTE, precision="bf16-mixed")
    store = _store(data[0])
    for name in ("a", "b"):
        torch.manual_seed(0)
        train(
            network_of("i3d-nl-r10", classes=3, frames=frames), data[0], views=views,
            options=replace(OPTIONS, steps=6), seed=3, store=store, fabric=make_fabric(compute),
            folder=tmp_path / name, facts={}, title="toy", compute=compute,
        )  # fmt: skip
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_a_loss_that_is_not_finite_stops_the_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "action_recog.training.optimiser_step.F.cross_entropy",
        lambda logits, *_, **__: logits.sum() * float("nan"),
    )
    with pytest.raises(BadInput, match=r"toy: the loss is nan in epoch 1, step 1.*32-true") as told:
        _run(tmp_path / "run", data[0])
    assert "rate" not in str(told.value)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_batch_statistics_that_are_not_finite_stop_the_training():
    network = resnet3d(classes=3, trunk="c2d", depth=10, channels=4)
    with torch.no_grad():
        network.conv1.weight[1] = float("nan")
    clips = torch.zeros((2, 3, 4, 32, 32), dtype=torch.uint8)
    with pytest.raises(BadInput, match=r"NaN.*bn1\.running_mean"):
        precise_batch_norm(network, [clips], make_fabric(COMPUTE))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_checkpoint_holds_a_number_that_is_not_finite(tmp_path, value):
    path = tmp_path / "network.safetensors"
    tensors = {"good": torch.ones(3), "broken": torch.tensor([1.0, value])}
    with pytest.raises(BadInput, match=r"NaN or infinity in 1 of 2 .*broken \(1 of 2 values\)"):
        save_checkpoint(path, tensors, {})
    assert not list(tmp_path.iterdir())
    save_file(tensors, path)  # as older versions wrote it
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps({"sha256": digest}))
    with pytest.raises(BadInput, match="NaN or infinity"):
        load_checkpoint(path)


def test_a_network_full_of_nan_has_no_predictions(data):
    network = _network()
    with torch.no_grad():
        network.fc.weight[:] = float("nan")
    with pytest.raises(BadInput, match=r"predictions of 6 of 6 videos are NaN"):
        predict(
            network, data[1], views=VIEWS, store=_store(data[1]), fabric=make_fabric(COMPUTE),
            compute=COMPUTE,
        )  # fmt: skip


def _checks(*values):
    return [HeldOutCheck(step=10 * n, accuracy=a, loss=loss) for n, (a, loss) in enumerate(values)]


def test_of_equally_right_checks_the_surer_and_then_the_first_is_best():
    assert best_check(_checks((0.5, 1.0), (0.6, 2.0), (0.6, 1.5), (0.6, 1.5), (0.1, 0.0))) == 2


def test_convergence_waits_after_every_improvement():
    plateau = Plateau(check_every=1, patience=2, drops=1)
    answers = _checks(*[(a, 1.0) for a in (0.1, 0.1, 0.2, 0.2, 0.1, 0.3, 0.3, 0.3)])
    states = [convergence(answers[:n], plateau) for n in range(len(answers) + 1)]
    dropped, ended = [s[0] for s in states], [s[1] for s in states]
    assert dropped == [0, 0, 0, 0, 0, 1, 1, 1, 1] and ended == [False] * 8 + [True]
