"""Runs the dino binary: weights, inputs, outputs, speed."""

import json
import os
import subprocess

import numpy as np


class DinoError(Exception):
    """The binary failed; the message is its last line."""


class Dino:
    def __init__(self, binary, device, folder):
        self.binary, self.device, self.folder = os.path.abspath(binary), device, folder
        self.weights = os.path.join(folder, "synthetic.safetensors")

    def run(self, *arguments, timeout=None):
        try:
            done = subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            raise DinoError(f"'dino {arguments[0]}' took longer than {expired.timeout:.0f} s") from None
        except OSError as failure:
            raise DinoError(f"{self.binary}: {failure.strerror}") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("dino: error: ")] or [f"exit code {done.returncode}"]
            raise DinoError(lines[0])
        return done.stdout

    def take_weights(self, weights):
        """The weights of a safetensors file, or for 'synthetic' the seeded ones, which are written here."""
        if weights == "synthetic":
            self.run("weights", "synth", "-o", self.weights)
        else:
            self.weights = os.path.abspath(weights)

    def inputs(self, images):
        """(N, 3, height, width) float32: what the model sees, from dino itself, so that only the model is compared."""
        out = os.path.join(self.folder, "inputs")
        planes = []
        for image in images:
            self.run("preprocess", image, "--weights", self.weights, "--format", "npy", "-o", out)
            stem = os.path.splitext(os.path.basename(image))[0]
            planes.append(np.load(next(os.path.join(out, name) for name in sorted(os.listdir(out)) if name.startswith(stem))))
        return np.stack(planes)

    def tokens(self, images, precision):
        """(N, 197, 384): the last hidden state of each image."""
        return self._embed(images, precision, "tokens")

    def embeddings(self, images, precision):
        """(N, 384): the embeddings, which take a shorter way through the last block."""
        return self._embed(images, precision, "cls")

    def bench(self, precision, batches, rounds, timeout):
        """The JSON of dino bench."""
        return json.loads(self.run(
            "bench", "--json", "--quiet", "--model-only", "--weights", self.weights, "--device", self.device, "--precision", precision,
            "--batches", ",".join(map(str, batches)), "--rounds", str(rounds), timeout=timeout))

    def _embed(self, images, precision, output):
        out = os.path.join(self.folder, f"{precision}-{output}.npy")
        self.run("embed", *images, "--weights", self.weights, "--device", self.device, "--precision", precision, "--output", output, "-o", out)
        return np.load(out)
