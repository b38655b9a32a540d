"""A stand-in for transformers in dry runs of compare.py: ViTModel in numpy."""

import math
import types

import numpy as np
import torch

__version__ = "stand-in"


class ViTConfig:
    def __init__(self, **sizes):
        self.__dict__.update(sizes)


class ViTModel:
    def __init__(self, config, add_pooling_layer):
        self.config = config

    def load_state_dict(self, tensors, strict):
        self.tensors = {name: tensor.values.astype(np.float64) for name, tensor in tensors.items()}
        return types.SimpleNamespace(missing_keys=[], unexpected_keys=[])

    def eval(self):
        return self

    def to(self, device, dtype):
        return self

    def __call__(self, pixels):
        config, take = self.config, self.tensors.__getitem__
        images = pixels.values
        count, _, height, width = images.shape
        size, rows, columns = config.patch_size, height // config.patch_size, width // config.patch_size
        patches = images.reshape(count, -1, rows, size, columns, size).transpose(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, -1)
        kernel = take("embeddings.patch_embeddings.projection.weight")
        patches = patches @ kernel.reshape(len(kernel), -1).T + take("embeddings.patch_embeddings.projection.bias")
        tokens = np.concatenate([np.broadcast_to(take("embeddings.cls_token"), (count, 1, len(kernel))), patches], 1)
        tokens = tokens + take("embeddings.position_embeddings")
        for layer in range(config.num_hidden_layers):
            tokens = self._block(tokens, f"encoder.layer.{layer}.")
        return types.SimpleNamespace(last_hidden_state=torch.Tensor(self._norm(tokens, "layernorm").astype(np.float32)))

    def _block(self, tokens, name):
        count, length, hidden = tokens.shape
        heads = self.config.num_attention_heads
        normed = self._norm(tokens, name + "layernorm_before")
        query, key, value = (
            self._linear(normed, name + "attention.attention." + part).reshape(count, length, heads, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(hidden / heads)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        context = (weights / weights.sum(-1, keepdims=True) @ value).transpose(0, 2, 1, 3).reshape(count, length, hidden)
        tokens = tokens + self._linear(context, name + "attention.output.dense")
        inner = self._linear(self._norm(tokens, name + "layernorm_after"), name + "intermediate.dense")
        inner = 0.5 * inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        return tokens + self._linear(inner, name + "output.dense")

    def _linear(self, values, name):
        return values @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def _norm(self, values, name):
        values = values - values.mean(-1, keepdims=True)
        values = values / np.sqrt((values**2).mean(-1, keepdims=True) + self.config.layer_norm_eps)
        return values * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]
