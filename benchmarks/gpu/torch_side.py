"""transformers' ViTModel on the GPU, with the same weights."""

import os
import statistics
import tempfile
import time

import numpy as np
import safetensors_reader
import torch
from transformers import ViTConfig, ViTModel

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def set_precision(precision):
    """Float32 products use the matrix units only where tf32 is asked for."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def load(weights, precision, attention):
    """The model with the weights of a safetensors file; attention is eager or sdpa."""
    tensors, metadata = safetensors_reader.read(weights)
    config = ViTConfig(**safetensors_reader.model_sizes(tensors, metadata), hidden_act="gelu", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config._attn_implementation = attention
    model = ViTModel(config, add_pooling_layer=False)
    wrong = model.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in tensors.items()}, strict=False)
    if wrong.missing_keys or wrong.unexpected_keys:
        model = converted(weights, config, attention)
    return model.eval().to("cuda", DTYPES[precision])


def converted(weights, config, attention):
    """For a transformers that names ViTModel's tensors differently: its own loader knows the old names."""
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        os.symlink(os.path.abspath(weights), os.path.join(folder, "model.safetensors"))
        model, info = ViTModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation=attention, output_loading_info=True)
    if info["missing_keys"] or info["unexpected_keys"]:
        raise RuntimeError(f"this transformers does not read ViT checkpoints: missing {list(info['missing_keys'])[:2]}, unexpected {list(info['unexpected_keys'])[:2]}")
    return model


def last_hidden_state(model, planes, precision):
    """(N, tokens, hidden) float32 of (N, 3, height, width) float32."""
    set_precision(precision)
    with torch.inference_mode():
        return model(torch.from_numpy(planes).to("cuda", DTYPES[precision])).last_hidden_state.float().cpu().numpy()


def seconds_per_pass(model, precision, batch, size, rounds):
    """Median time of a pass. The input is on the GPU already and the output stays there."""
    set_precision(precision)
    pixels = torch.randn(batch, 3, size, size, device="cuda", dtype=DTYPES[precision])
    return median_seconds(lambda: model(pixels).last_hidden_state, rounds)


def matmul_flops(precision, size=8192, rounds=5):
    """What the card reaches in a large matrix product on random data: the ceiling that shares are given of."""
    set_precision(precision)
    a = torch.randn(size, size, device="cuda", dtype=DTYPES[precision])
    b = torch.randn(size, size, device="cuda", dtype=DTYPES[precision])
    return 2 * size**3 / median_seconds(lambda: a @ b, rounds)


def median_seconds(work, rounds):
    """Each round runs for a quarter of a second at least, between two events."""
    with torch.inference_mode():
        for _ in range(3):  # compiles, chooses algorithms, fills caches
            work()
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        count = max(1, min(200, int(0.25 / max(time.perf_counter() - start, 1e-6))))
        times = []
        for _ in range(rounds):
            first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            first.record()
            for _ in range(count):
                work()
            last.record()
            torch.cuda.synchronize()
            times.append(first.elapsed_time(last) / 1e3 / count)
    return statistics.median(times)


def describe():
    """One line: card, torch, transformers."""
    import transformers
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {total >> 30} GiB ({free >> 30} free), torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}"
