"""Errors and tables; needs nothing but numpy."""

import numpy as np


def errors(expected, actual):
    """Largest absolute error, and the smallest cosine over the vectors of the last axis. NaN never passes unseen: it stays NaN."""
    expected, actual = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    if expected.shape != actual.shape:
        raise ValueError(f"shapes differ: {expected.shape} and {actual.shape}")
    products = (expected * actual).sum(-1)
    lengths = np.linalg.norm(expected, axis=-1) * np.linalg.norm(actual, axis=-1)
    return {"max": float(np.abs(expected - actual).max()), "cosine": float((products / lengths).min())}


def table(header, rows):
    """A markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(header) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value, digits=0):
    return "" if value is None else f"{value:.{digits}f}"


def ratio(value, other):
    return "" if not value or not other else f"{value / other:.2f}x"


def speed(precision, results, peers):
    """Images a second of one precision, side by side. The ratio compares the same work: every token, against the fastest peer."""
    rows = []
    batches = sorted({batch for side in results.values() for batch in side})
    for batch in batches:
        rate = {side: results[side].get(batch) for side in results}
        best = max((rate[peer] for peer in peers if rate.get(peer)), default=None)
        rows.append(
            [str(batch), number(rate.get("dino cls"), 0), number(rate.get("dino tokens"), 0)]
            + [number(rate.get(peer), 0) for peer in peers]
            + [ratio(rate.get("dino tokens"), best), ratio(rate.get("dino cls"), best)])
    return f"**{precision}**, images per second\n\n" + table(["batch", "dino cls", "dino tokens", *peers, "tokens / best", "cls / best"], rows)


def accuracy(rows):
    """rows: (who, errors of tokens, errors of embeddings or None)."""
    return table(["against torch float32", "max error", "min cosine", "max error, cls", "min cosine, cls"], [
        [who, f"{tokens['max']:.2e}", f"{tokens['cosine']:.7f}", *(["", ""] if cls is None else [f"{cls['max']:.2e}", f"{cls['cosine']:.7f}"])]
        for who, tokens, cls in rows])


def steps(precision, bench, ceiling, of):
    """Where dino's time goes: the steps of a pass at the largest batch."""
    batch = bench["modelOnly"][-1]["batch"]
    rows = []
    for step in bench["steps"]:
        flops = step["flops"]
        rows.append([
            step["name"], number(step["secondsPerImage"] * batch * 1e3, 3), f"{step['shareOfTime'] * 100:.1f} %",
            number(flops / 1e12, 1) if flops else "", f"{flops / ceiling * 100:.1f} %" if flops and ceiling else ""])
    title = f"**{precision}**, dino's steps at batch {batch}, class token only; share of {of}, {ceiling / 1e12:.0f} TFLOP/s" if ceiling else f"**{precision}**, dino's steps at batch {batch}"
    return title + "\n\n" + table(["step", "ms", "of time", "TFLOP/s", "of peak"], rows)
