"""The parts that need neither GPU nor torch."""

import contextlib
import io
import json
import os
import struct
import tempfile
import unittest

import compare
import dino_side
import numpy as np
import report
import safetensors_reader


class Options(unittest.TestCase):
    def test_defaults(self):
        options = compare.arguments(["dino"])
        self.assertEqual(options.batches, [1, 8, 32, 128, 512])
        self.assertEqual(options.precisions, ["fp32", "tf32", "bf16", "fp16"])
        self.assertEqual(len(options.images), 4)

    def test_subsets(self):
        options = compare.arguments(["dino", "--batches", "128,8", "--precisions", "bf16", "--peers", "none"])
        self.assertEqual((options.batches, options.precisions, options.peers), ([8, 128], ["bf16"], []))

    def test_wrong(self):
        for wrong in [["--batches", "0"], ["--batches", "x"], ["--precisions", "fp8"], ["--peers", "jax"]]:
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                compare.arguments(["dino", *wrong])

    def test_no_binary_is_one_line(self):
        error = io.StringIO()
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(error):
            compare.check(compare.arguments(["/nowhere/dino"]))
        self.assertEqual(len(error.getvalue().splitlines()), 1)


class Report(unittest.TestCase):
    def test_errors(self):
        expected = np.random.default_rng(1).normal(size=(2, 5, 8))
        self.assertEqual(report.errors(expected, expected)["max"], 0)
        actual = expected.copy()
        actual[1, 2, 3] += 0.5
        found = report.errors(expected, actual)
        self.assertAlmostEqual(found["max"], 0.5)
        self.assertLess(found["cosine"], 1)
        actual[0, 0, 0] = np.nan
        self.assertTrue(np.isnan(report.errors(expected, actual)["max"]))
        with self.assertRaises(ValueError):
            report.errors(expected, expected[0])

    def test_tables(self):
        results = compare.Results(None)
        results.add_rate("fp32", "dino tokens", 8, 150.0)
        results.add_rate("fp32", "dino cls", 8, 200.0)
        results.add_rate("fp32", "sdpa", 8, 100.0)
        results.add_rate("fp32", "eager", 1, 50.0)
        results.add_accuracy("dino fp32", {"max": 1e-5, "cosine": 0.9999999}, {"max": 1e-6, "cosine": 1.0})
        results.add_accuracy("torch sdpa fp32", {"max": 1e-5, "cosine": 0.9999999})
        results.data["bench"]["fp32"] = {
            "peakFlops": 6e13, "peakOf": "fp32 multiply-add peak", "modelOnly": [{"batch": 8}],
            "steps": [{"name": "Qkv", "secondsPerImage": 1e-4, "shareOfTime": 0.5, "flops": 3e13}, {"name": "LayerNorm", "secondsPerImage": 1e-4, "shareOfTime": 0.5, "flops": 0}]}
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            results.write(report)
        text = output.getvalue()
        self.assertIn("| 8 | 200 | 150 |  | 100 | 1.50x | 2.00x |", text)
        self.assertIn("| 1 |  |  | 50 |  |  |  |", text)
        self.assertIn("share of dino's fp32 multiply-add peak, 60 TFLOP/s", text)
        self.assertIn("| Qkv | 0.800 | 50.0 % | 30.0 | 50.0 % |", text)
        self.assertIn("| dino fp32 | 1.00e-05 |", text)

    def test_results_are_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            first = compare.Results(path)
            first.add_rate("bf16", "sdpa", 8, 1.0)
            first.save()
            second = compare.Results(path)
            second.add_rate("bf16", "eager", 8, 2.0)
            self.assertEqual(second.data["speed"]["bf16"], {"sdpa": {"8": 1.0}, "eager": {"8": 2.0}})


class Files(unittest.TestCase):
    def test_safetensors(self):
        values = np.arange(6, dtype=np.float32).reshape(2, 3)
        header = json.dumps({"__metadata__": {"a": "b"}, "x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.safetensors")
            with open(path, "wb") as file:
                file.write(struct.pack("<Q", len(header)) + header + values.tobytes())
            tensors, metadata = safetensors_reader.read(path)
        self.assertTrue((tensors["x"] == values).all())
        self.assertEqual(metadata, {"a": "b"})

    def test_a_failing_binary_is_its_own_line(self):
        with self.assertRaises(dino_side.DinoError):
            dino_side.Dino("/bin/false", "cpu", "/tmp").take_weights("synthetic")


if __name__ == "__main__":
    unittest.main()
