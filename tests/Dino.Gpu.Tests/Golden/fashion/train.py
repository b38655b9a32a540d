#!/usr/bin/python3
"""Trains the small ViT of this folder on Fashion-MNIST, and writes everything here but README.md.

    apt-get install python3-torch dataset-fashion-mnist libopenblas0-pthread
    python3 train.py train     # weights.pt: eight minutes of one core
    python3 train.py export    # model.safetensors, its two .json, the subset of the data set, reference.npy
    python3 train.py pictures  # the subset's test pictures as PNG files, for dino compare-precision

README.md says with which versions, and what came out.
"""

import gzip
import json
import math
import os
import struct
import sys
import time
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DATA = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
HERE = os.path.dirname(os.path.abspath(__file__))

HIDDEN, LAYERS, HEADS, MLP, PATCH, IMAGE, CLASSES = 192, 2, 3, 768, 7, 28, 10
EPSILON = 1e-12
MEAN, DEVIATION = 0.2860, 0.3530  # of the training pictures

SEED, BATCH, RATE, WARM_UP, DECAY, SMOOTHING = 0x44494E4F, 128, 1.5e-3, 200, 0.05, 0.1
EPOCHS = 8

GALLERY, QUERIES = 2000, 1000  # the first ones of each part are kept here
NEIGHBORS, TEMPERATURE = 20, 0.07  # as DINO's eval_knn.py has them
REFERENCES = 4  # test pictures whose outputs are kept


def read_idx(name, folder=DATA):
    """An IDX file: two zero bytes, a type, the number of dimensions, the dimensions, the bytes."""
    with gzip.open(os.path.join(folder, name + ".gz")) as file:
        data = file.read()
    dimensions = struct.unpack_from(f">{data[3]}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(dimensions)).reshape(dimensions)


def write_idx(name, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with open(os.path.join(HERE, name + ".gz"), "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(header + array.tobytes())


def part(name):
    return torch.from_numpy(read_idx(f"{name}-images-idx3-ubyte").copy()), torch.from_numpy(
        read_idx(f"{name}-labels-idx1-ubyte").astype(np.int64)
    )


def pixels(images, dtype=torch.float32):
    """(n, 28, 28) bytes > (n, 3, 28, 28): the gray picture as RGB, normalized."""
    values = ((images.to(torch.float64) / 255 - MEAN) / DEVIATION).to(torch.float32).to(dtype)
    return values[:, None].expand(-1, 3, -1, -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(HIDDEN, EPSILON)
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.proj = nn.Linear(HIDDEN, HIDDEN)
        self.norm2 = nn.LayerNorm(HIDDEN, EPSILON)
        self.fc1 = nn.Linear(HIDDEN, MLP)
        self.fc2 = nn.Linear(MLP, HIDDEN)

    def forward(self, x, rows=None):
        """(n, tokens, 192) > (n, rows, 192), for the first rows or all of them."""
        n, tokens, _ = x.shape
        rows = rows or tokens
        y = self.norm1(x)
        q = F.linear(y[:, :rows], self.qkv.weight[:HIDDEN], self.qkv.bias[:HIDDEN]).view(n, rows, HEADS, -1).transpose(1, 2)
        k, v = F.linear(y, self.qkv.weight[HIDDEN:], self.qkv.bias[HIDDEN:]).view(n, tokens, 2, HEADS, -1).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        x = x[:, :rows] + self.proj((attention @ v).transpose(1, 2).reshape(n, rows, HIDDEN))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    """Dosovitskiy et al. 2021, as DINO has it: pre-norm, exact GELU, a class token, a final LayerNorm."""

    def __init__(self):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, HIDDEN, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, HIDDEN))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (IMAGE // PATCH) ** 2, HIDDEN))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(HIDDEN, EPSILON)
        for parameter in (self.cls_token, self.pos_embed, *(m.weight for m in self.modules() if isinstance(m, nn.Linear))):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x, rows=None):
        """(n, 3, 28, 28) > (n, rows, 192), the class token first; None for all 17 rows."""
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1) + self.pos_embed
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1](x, rows))


def train():
    """Classifies by a linear layer on the class token, which is thrown away afterwards."""
    torch.manual_seed(SEED)
    images, labels = part("train")
    vit, head = Vit(), nn.Linear(HIDDEN, CLASSES)
    parameters = [*vit.parameters(), *head.parameters()]
    decayed, others = [p for p in parameters if p.ndim in (2, 4)], [p for p in parameters if p.ndim not in (2, 4)]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, RATE, (0.9, 0.98))
    per_epoch = len(images) // BATCH
    rest = EPOCHS * per_epoch - WARM_UP
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: (s + 1) / WARM_UP if s < WARM_UP else 0.5 + 0.5 * math.cos(math.pi * (s - WARM_UP) / rest)
    )
    begin = time.time()
    for epoch in range(EPOCHS):
        order, right = torch.randperm(len(images)), 0
        for step, batch in enumerate(order[: per_epoch * BATCH].view(-1, BATCH)):
            # Products in bfloat16, weights and sums in float32, as DINO itself is trained in half precision.
            with torch.autocast("cpu", torch.bfloat16):
                logits = head(vit(pixels(images[batch]), rows=1)[:, 0]).float()
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(vit.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            right += (logits.argmax(1) == labels[batch]).sum().item()
            if step % 50 == 49:
                print(f"step {step + 1} of {per_epoch}: {time.time() - begin:.0f} s", flush=True)
        print(f"epoch {epoch + 1}: top-1 of training {right / per_epoch / BATCH:.4f}", flush=True)
        torch.save(vit.state_dict(), os.path.join(HERE, "weights.pt"))


def tensors(vit):
    """The state dict under the names that transformers' ViTModel has."""
    state = vit.state_dict()
    yield "embeddings.cls_token", state["cls_token"]
    yield "embeddings.position_embeddings", state["pos_embed"]
    for kind in ("weight", "bias"):
        yield f"embeddings.patch_embeddings.projection.{kind}", state[f"patch_embed.{kind}"]
    for layer in range(LAYERS):
        for kind in ("weight", "bias"):
            ours, theirs = f"blocks.{layer}.", f"encoder.layer.{layer}."
            for name, rows in zip(("query", "key", "value"), state[f"{ours}qkv.{kind}"].chunk(3)):
                yield f"{theirs}attention.attention.{name}.{kind}", rows
            yield f"{theirs}attention.output.dense.{kind}", state[f"{ours}proj.{kind}"]
            yield f"{theirs}intermediate.dense.{kind}", state[f"{ours}fc1.{kind}"]
            yield f"{theirs}output.dense.{kind}", state[f"{ours}fc2.{kind}"]
            yield f"{theirs}layernorm_before.{kind}", state[f"{ours}norm1.{kind}"]
            yield f"{theirs}layernorm_after.{kind}", state[f"{ours}norm2.{kind}"]
    for kind in ("weight", "bias"):
        yield f"layernorm.{kind}", state[f"norm.{kind}"]


def write_safetensors(vit):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in tensors(vit):
        values = value.to(torch.float16).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_json(name, values):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as file:
        file.write(json.dumps(values, indent=2, sort_keys=True) + "\n")


def class_tokens(vit, images):
    return torch.cat([vit(pixels(batch), rows=1)[:, 0] for batch in images.split(500)])


def knn(gallery, labels, queries, expected):
    """The share of queries whose class gets the most weight among the nearest neighbors, as in DINO's eval_knn.py."""
    right = 0
    gallery = F.normalize(gallery).t().contiguous()
    for batch, truth in zip(F.normalize(queries).split(500), expected.split(500)):
        cosines, places = (batch @ gallery).topk(NEIGHBORS)
        votes = torch.zeros(len(batch), CLASSES).scatter_add_(1, labels[places], (cosines / TEMPERATURE).exp())
        right += (votes.argmax(1) == truth).sum().item()
    return right / len(queries)


@torch.no_grad()
def export():
    vit = Vit()
    vit.load_state_dict(torch.load(os.path.join(HERE, "weights.pt")))
    vit.half().float()  # what the file holds
    write_safetensors(vit)
    write_json(
        "config.json",
        {
            "hidden_act": "gelu",
            "hidden_size": HIDDEN,
            "image_size": IMAGE,
            "intermediate_size": MLP,
            "layer_norm_eps": EPSILON,
            "model_type": "vit",
            "num_attention_heads": HEADS,
            "num_channels": 3,
            "num_hidden_layers": LAYERS,
            "patch_size": PATCH,
            "qkv_bias": True,
        },
    )
    write_json(
        "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [MEAN] * 3,
            "image_processor_type": "ViTImageProcessor",
            "image_std": [DEVIATION] * 3,
            "resample": 2,
            "rescale_factor": 1 / 255,
            "size": {"height": IMAGE, "width": IMAGE},
        },
    )
    for name, count in (("train", GALLERY), ("t10k", QUERIES)):
        write_idx(f"{name}-images-idx3-ubyte", read_idx(f"{name}-images-idx3-ubyte")[:count])
        write_idx(f"{name}-labels-idx1-ubyte", read_idx(f"{name}-labels-idx1-ubyte")[:count])
    train_images, train_labels = part("train")
    test_images, test_labels = part("t10k")
    exact = vit.double()(pixels(test_images[:REFERENCES], torch.float64))  # (4, 17, 192)
    np.save(os.path.join(HERE, "reference.npy"), exact.float().numpy())
    rough = vit.float()(pixels(test_images[:REFERENCES]))
    print(f"largest difference of torch's float32 to float64: {(rough - exact).abs().max():.2e}")
    gallery, queries = class_tokens(vit, train_images[:GALLERY]), class_tokens(vit, test_images[:QUERIES])
    print("k-NN top-1:", knn(gallery, train_labels[:GALLERY], queries, test_labels[:QUERIES]))


def pictures():
    """Gray PNG files of 8 bits, without a library."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    folder = os.path.join(HERE, "pictures")
    os.makedirs(folder, exist_ok=True)
    header = struct.pack(">IIBBBBB", IMAGE, IMAGE, 8, 0, 0, 0, 0)
    for i, image in enumerate(read_idx("t10k-images-idx3-ubyte", HERE)):
        rows = b"".join(b"\0" + row.tobytes() for row in image)
        with open(os.path.join(folder, f"{i:04}.png"), "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"train": train, "export": export, "pictures": pictures}[sys.argv[1]]()
