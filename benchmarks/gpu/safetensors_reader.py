"""Reads a float32 safetensors file into numpy arrays, without the safetensors package."""

import json
import struct

import numpy as np


def read(path):
    """Returns ({name: array}, metadata). Layout: u64 length of the header, JSON header, data."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, expected F32")
        first, last = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[first:last], np.float32).reshape(entry["shape"])
    return tensors, metadata


def model_sizes(tensors, metadata):
    """The sizes of the ViT, from the shapes of its tensors."""
    hidden, channels, patch, _ = tensors["embeddings.patch_embeddings.projection.weight"].shape
    grid = int(round((tensors["embeddings.position_embeddings"].shape[1] - 1) ** 0.5))
    return {
        "hidden_size": hidden,
        "num_channels": channels,
        "patch_size": patch,
        "image_size": grid * patch,
        "num_hidden_layers": 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer.")),
        "num_attention_heads": int(metadata.get("num_attention_heads", hidden // 64)),
        "intermediate_size": tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "layer_norm_eps": float(metadata.get("layer_norm_eps", 1e-12)),
    }
