"""What TensorBoard reads of a training."""

import struct

import numpy as np
import pytest

import gpulayers
from gpulayers import layers
from gpulayers.callbacks import TensorBoard

pytest.importorskip("tensorboardX", reason="the extra `tensorboard` (tensorboardX) is not installed")


def scalars(folder):
    """{(tag, step): value} of the event files in a folder: records of a length, its check, data, their check."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.glob("events*"):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return found


def trained(folder, **options):
    gpulayers.set_random_seed(1)
    model = gpulayers.Sequential([gpulayers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.random.default_rng(0).random((12, 3), np.float32), np.ones((12, 1), np.float32)
    callback = TensorBoard(folder, **options)
    history = model.fit(x, y, 4, epochs=2, verbose=0, callbacks=[callback], validation_split=1 / 3)
    return history.history


def test_epochs(tmp_path):
    history = trained(tmp_path)
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    for epoch in range(2):
        for name in ("loss", "mae"):
            assert train[f"epoch_{name}", epoch] == pytest.approx(history[name][epoch])
            assert validation[f"epoch_{name}", epoch] == pytest.approx(history[f"val_{name}"][epoch])
        assert train["epoch_learning_rate", epoch] == pytest.approx(0.01)
    assert not [tag for tag, _ in train if tag.startswith("batch_")]


def test_batches(tmp_path):
    trained(tmp_path, update_freq="batch", write_steps_per_second=True)
    train = scalars(tmp_path / "train")
    assert sorted(step for tag, step in train if tag == "batch_loss") == [1, 2, 3, 4]
    assert all(train["batch_steps_per_second", step] > 0 for step in range(1, 5))


@pytest.mark.parametrize("options", [{"write_images": True}, {"profile_batch": 2}, {"update_freq": 0}])
def test_what_is_not_supported(tmp_path, options):
    with pytest.raises(ValueError, match="Received"):
        TensorBoard(tmp_path, **options)
