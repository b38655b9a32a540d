"""A stand-in for torch in dry runs of compare.py: as much as torch_side.py uses, in numpy on the CPU. Its times mean nothing."""

import contextlib
import time
import types

import numpy as np

__version__ = "stand-in"
float32, bfloat16, float16 = "float32", "bfloat16", "float16"
backends = types.SimpleNamespace(
    cuda=types.SimpleNamespace(matmul=types.SimpleNamespace(allow_tf32=False)), cudnn=types.SimpleNamespace(allow_tf32=False))
_dynamo = types.SimpleNamespace(reset=lambda: None)
inference_mode = contextlib.nullcontext


class Tensor:
    """A float32 array. It is never rounded to what it is said to be."""

    def __init__(self, values):
        self.values = values

    def to(self, device, dtype):
        return self

    def float(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values

    def __matmul__(self, other):
        return Tensor(self.values[:64] @ other.values[:, :64])  # the ceiling's product would take minutes


class Event:
    def __init__(self, enable_timing):
        self.time = None

    def record(self):
        self.time = time.perf_counter()

    def elapsed_time(self, later):
        return 1e3 * (later.time - self.time)


cuda = types.SimpleNamespace(
    is_available=lambda: True, get_device_name=lambda: "no card", mem_get_info=lambda: (0, 0), synchronize=lambda: None,
    empty_cache=lambda: None, Event=Event)


def from_numpy(values):
    return Tensor(values)


def randn(*shape, device, dtype):
    return Tensor(np.random.default_rng(1).standard_normal(shape, np.float32))


def compile(model, dynamic):
    return model
