#!/usr/bin/env python3
"""Compares a published dino binary with transformers' ViTModel on an NVIDIA GPU. README.md beside this file says what it prints."""

import argparse
import glob
import importlib.util
import json
import os
import sys
import tempfile
import time

PRECISIONS = ["fp32", "tf32", "bf16", "fp16"]
PEERS = ["eager", "sdpa", "compile"]


def fail(line):
    print(f"gpu benchmark: {line}", file=sys.stderr)
    sys.exit(1)


def note(line):
    print(f"gpu benchmark: {line}", file=sys.stderr)


def choice(known):
    def parse(text):
        chosen = [] if text == "none" else text.split(",")
        wrong = [one for one in chosen if one not in known]
        if wrong:
            raise argparse.ArgumentTypeError(f"'{wrong[0]}' is none of {', '.join(known)}")
        return chosen
    return parse


def batch_list(text):
    try:
        batches = sorted({int(one) for one in text.split(",")})
    except ValueError:
        batches = [0]
    if batches[0] < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1 up, found '{text}'")
    return batches


def arguments(given=None):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("binary", metavar="DINO_BINARY", help="the published dino")
    parser.add_argument("--device", default="cuda:0", help="dino's device, such as cuda:0 or opencl:0; torch uses its first CUDA device (default %(default)s)")
    parser.add_argument("--weights", default="synthetic", help="a float32 safetensors file, or synthetic for the seeded ViT-S/16 (default %(default)s)")
    parser.add_argument("--precisions", type=choice(PRECISIONS), default=PRECISIONS, help=f"of {','.join(PRECISIONS)} (default: all)")
    parser.add_argument("--batches", type=batch_list, default=[1, 8, 32, 128, 512], help="(default: 1,8,32,128,512)")
    parser.add_argument("--peers", type=choice(PEERS), default=PEERS, help=f"of {','.join(PEERS)}, or none (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement; medians count (default %(default)s)")
    parser.add_argument("--images", nargs="+", default=sorted(glob.glob(os.path.join(here, "../../samples/*.[jp][pn]g"))), help="for the accuracy table (default: samples/)")
    parser.add_argument("--budget", type=float, default=540, help="seconds; what does not fit is left out and named (default %(default)s)")
    parser.add_argument("--results", metavar="FILE", help="JSON that results are kept in, so that several runs fill one table")
    return parser.parse_args(given)


def check(options):
    """What is missing is said before anything is run."""
    if not os.access(options.binary, os.X_OK) or os.path.isdir(options.binary):
        fail(f"no program at {options.binary}; publish one as README.md says")
    for package in ["numpy", "torch", "transformers"]:
        if importlib.util.find_spec(package) is None:
            fail(f"{sys.executable} has no {package}; set PYTHON to a Python that has torch and transformers")
    import torch
    if not torch.cuda.is_available():
        fail("torch finds no CUDA device here; there is nothing to compare with")
    if not options.images:
        fail("no images for the accuracy table; name some with --images")


class Results:
    """Images a second by precision, side and batch, the accuracy rows and dino's own reports; kept in a file when one is named."""

    def __init__(self, path):
        self.path = path
        self.data = {"speed": {}, "accuracy": [], "bench": {}, "ceiling": {}}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.data.update(json.load(file))

    def add_rate(self, precision, side, batch, rate):
        self.data["speed"].setdefault(precision, {}).setdefault(side, {})[str(batch)] = rate

    def add_accuracy(self, who, tokens, cls=None):
        self.data["accuracy"] = [row for row in self.data["accuracy"] if row[0] != who] + [[who, tokens, cls]]

    def save(self):
        if self.path:
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self.data, file, indent=1)

    def write(self, report):
        for precision, sides in self.data["speed"].items():
            by_batch = {side: {int(batch): rate for batch, rate in rates.items()} for side, rates in sides.items()}
            print("\n" + report.speed(precision, by_batch, [peer for peer in PEERS if peer in by_batch]))
        if self.data["accuracy"]:
            print("\n" + report.accuracy(self.data["accuracy"]))
        for precision, bench in self.data["bench"].items():
            ceiling = self.data["ceiling"].get(precision)
            of = "torch's matrix product" if ceiling else f"dino's {bench.get('peakOf', 'peak')}"
            print("\n" + report.steps(precision, bench, ceiling or bench["peakFlops"], of))


def measure_dino(options, results, precision, dino, images, reference, report, left):
    """Outputs and speed of the binary; one line when it lacks the precision or fails."""
    from dino_side import DinoError
    try:
        tokens = dino.tokens(images, precision)
        results.add_accuracy(f"dino {precision}", report.errors(reference, tokens), report.errors(reference[:, 0], dino.embeddings(images, precision)))
        bench = dino.bench(precision, options.batches, options.rounds, timeout=max(left(), 1))
    except DinoError as failure:
        note(f"dino {precision} left out: {failure}")
        return
    results.data["bench"][precision] = bench
    for result in bench["modelOnly"]:
        results.add_rate(precision, f"dino {result['outputs']}", result["batch"], result["imagesPerSecond"])


def measure_peer(options, results, precision, peer, weights, planes, reference, report, left):
    """Outputs and speed of one way of running ViTModel."""
    import torch
    import torch_side
    try:
        model = torch_side.load(weights, precision, "eager" if peer == "eager" else "sdpa")
        if peer != "compile":
            results.add_accuracy(f"torch {peer} {precision}", report.errors(reference, torch_side.last_hidden_state(model, planes, precision)))
        else:
            torch._dynamo.reset()
            model = torch.compile(model, dynamic=False)
        for batch in sorted(options.batches, reverse=True):  # the large ones decide
            if left() <= 0:
                note(f"torch {peer} {precision} batch {batch} left out: the budget is spent")
                continue
            seconds = torch_side.seconds_per_pass(model, precision, batch, planes.shape[-1], options.rounds)
            results.add_rate(precision, peer, batch, batch / seconds)
            results.save()  # the next one may be ended from outside
    except Exception as failure:  # one peer that does not run here leaves the others standing
        note(f"torch {peer} {precision} left out: {type(failure).__name__}: {str(failure).splitlines()[0] if str(failure) else ''}")
    torch.cuda.empty_cache()


def main():
    options = arguments()
    check(options)
    import report
    import torch_side
    from dino_side import Dino, DinoError

    end = time.monotonic() + options.budget

    def left():
        return end - time.monotonic()

    print(torch_side.describe())
    results = Results(options.results)
    with tempfile.TemporaryDirectory(prefix="dino-gpu-benchmark-") as folder:
        dino = Dino(options.binary, options.device, folder)
        try:
            dino.take_weights(options.weights)
            planes = dino.inputs(options.images)
        except DinoError as failure:
            fail(str(failure))
        try:
            reference = torch_side.last_hidden_state(torch_side.load(dino.weights, "fp32", "eager"), planes, "fp32")
        except RuntimeError as failure:
            fail(f"torch's float32 reference does not run: {str(failure).splitlines()[0]}")
        for precision in options.precisions:
            if left() <= 0:
                note(f"{precision} left out: the budget of {options.budget:.0f} s is spent; run again with --precisions {precision} --results FILE")
                continue
            results.data["ceiling"][precision] = torch_side.matmul_flops(precision)
            measure_dino(options, results, precision, dino, options.images, reference, report, left)
            results.save()
            for peer in options.peers:
                measure_peer(options, results, precision, peer, dino.weights, planes, reference, report, left)
                results.save()
    results.write(report)


if __name__ == "__main__":
    main()
