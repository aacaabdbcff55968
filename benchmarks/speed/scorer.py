"""Scorer: pairs per second and errors of the kernels and their rivals, measured in turn.

python -m benchmarks.speed.scorer               # one thread
python -m benchmarks.speed.scorer --threads 2   # those that support threads

Rivals that are not installed (dependency group "rivals") are left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.measure import Benchmark, Timing
from speakersdk import _native
from speakersdk.gallery.gallery import Gallery
from speakersdk.gallery.rows import STORAGES
from speakersdk.scoring import kernel, symmetric_kl, symmetric_kl_matrix

DIMS = (128, 256)
COUNTS = (1, 100, 10_000, 100_000, 1_000_000)
SMOKE_COUNTS = (1, 100)
SLOW_COUNT = 100_000  # NumPy, SciPy: more pairs only take more memory
K = 10
LENGTH = 8.0  # temperature of the bundled model
PAIRS = (1000, 20_000)
COLORS = {"faiss": "tab:orange", "BLAS": "tab:green", "SimSIMD": "tab:purple", "ours": "tab:blue"}
STYLES = {"float32": "-", "float16": "--", "int8": ":"}

Vectors = npt.NDArray[np.float32]
Calls = dict[str, Callable[[], object]]


def embeddings(num: int, dim: int) -> Vectors:
    """Make random embeddings of a model's length."""
    rows = np.random.default_rng(num + dim).standard_normal((num, dim), dtype=np.float32)
    rows *= LENGTH / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def softmax(logits: Vectors) -> Vectors:
    """Return rows of probabilities."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def optional(name: str) -> ModuleType | None:
    """Import a rival if it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


class OneToMany:
    """One probe and `num` voiceprints for all contestants; the functions return J of every pair."""

    def __init__(self, num: int, dim: int, threads: int, *, nearly_equal: bool = False) -> None:
        """Make the data of each rival; `nearly_equal` makes rows within 2 % of the probe."""
        self.num, self.dim, self.threads = num, dim, threads
        self.rows = embeddings(num, dim)
        self.probe = embeddings(1, dim)[0] if num > 1 else embeddings(2, dim)[1]
        if nearly_equal:
            self.rows = self.probe + np.float32(0.02) * self.rows
        # A million rows of 256 values are 1 GB, and therefore float32 rows are kept only once.
        self.galleries = {
            storage: Gallery.from_embeddings(
                self.rows, storage=storage, keep_exact=num <= SLOW_COUNT
            )
            for storage in STORAGES
        }
        self.q = softmax(self.rows)
        self.log_q = np.log(self.q)
        self.p = softmax(self.probe[np.newaxis])[0]
        self.log_p = np.log(self.p)
        self.own_q = (self.q * self.log_q).sum(axis=1)
        self.own_p = float(self.p @ self.log_p)

    def divergences(self) -> Calls:
        """Return functions that compute all J."""
        p, log_p, q, log_q = self.p, self.log_p, self.q, self.log_q
        calls: Calls = {}
        if self.num <= SLOW_COUNT and self.threads == 1:
            calls["NumPy, naive"] = lambda: ((p - q) * (log_p - np.log(q))).sum(axis=1)
            calls["NumPy, stored logs"] = lambda: ((p - q) * (log_p - log_q)).sum(axis=1)
            if scipy := optional("scipy.special"):
                calls["SciPy rel_entr"] = lambda: (
                    scipy.rel_entr(p, q).sum(axis=1) + scipy.rel_entr(q, p).sum(axis=1)
                )
        calls["BLAS, expanded"] = lambda: self.own_p + self.own_q - q @ log_p - log_q @ p
        if self.threads == 1 and (simsimd := optional("simsimd")):
            one = p[np.newaxis]
            calls["SimSIMD, two calls"] = lambda: (
                np.asarray(simsimd.cdist(one, q, "kullbackleibler"))
                + np.asarray(simsimd.cdist(q, one, "kullbackleibler")).T
            )
        for storage, gallery in self.galleries.items():
            calls[f"ours, {storage}, all scores"] = lambda gallery=gallery: (
                -gallery.score_all(self.probe, num_threads=self.threads)
            )
        return calls

    def searches(self) -> Calls:
        """Return functions that find the best K."""
        calls: Calls = {}
        if faiss := optional("faiss"):
            faiss.omp_set_num_threads(self.threads)
            index = faiss.IndexFlatIP(2 * self.dim + 2)
            for first in range(0, self.num, SLOW_COUNT):  # the vectors need twice the memory
                part = self.rows[first : first + SLOW_COUNT]
                export = Gallery.from_embeddings(part).export_mips()
                index.add(export.vectors)
            query = export.queries(self.probe[np.newaxis])
            calls[f"faiss IndexFlatIP, top {K}"] = lambda: index.search(query, K)
        for storage, gallery in self.galleries.items():
            calls[f"ours, {storage}, top {K}"] = lambda gallery=gallery: gallery.search(
                self.probe, K, num_threads=self.threads
            )
        return calls

    def errors(self) -> dict[str, float]:
        """Return the largest relative errors relative to float64 with the rounded embeddings."""
        exact = symmetric_kl_matrix(self.probe[np.newaxis], self.rows)[0]
        return {
            name: float(np.max(np.abs(np.ravel(np.asarray(call())) - exact) / exact))
            for name, call in self.divergences().items()
        }


def read_calls(rows: Vectors) -> Calls:
    """Return NumPy calls that read the float32 vectors once; the fastest gives the bandwidth."""
    flat = rows.ravel()
    return {"read: dot": lambda: flat @ flat, "read: max": flat.max}


def measure_one_to_many(benchmark: Benchmark) -> list[dict[str, Any]]:
    """Measure every count and dim, and return the rows of the plot."""
    points = []
    for dim in DIMS:
        for num in SMOKE_COUNTS if benchmark.smoke else COUNTS:
            case = OneToMany(num, dim, benchmark.threads)
            calls = case.divergences() | case.searches() | read_calls(case.rows)
            prefix = f"D {dim}, N {num}: "
            timings = benchmark.measure_together(
                {prefix + name: call for name, call in calls.items()}, work=num, unit="pair"
            )
            rates = {name.removeprefix(prefix): t.rate for name, t in timings.items()}
            points.append({"dim": dim, "num": num, "rates": rates})
            if num == 10_000 or benchmark.smoke:
                for name, error in case.errors().items():
                    benchmark.record(f"{prefix}largest relative error, {name}", error)
                for name, error in OneToMany(num, dim, 1, nearly_equal=True).errors().items():
                    benchmark.record(f"{prefix}the same of nearly equal rows, {name}", error)
            compare(benchmark, prefix, dim, rates)
    return points


def compare(benchmark: Benchmark, prefix: str, dim: int, rates: dict[str, float]) -> None:
    """Record the ratios of the targets."""
    read = max(rate for name, rate in rates.items() if name.startswith("read: "))
    benchmark.record(f"{prefix}read bandwidth, GB/s", round(read * 4 * dim / 1e9, 2))
    for storage, value_bytes in (("float32", 4), ("float16", 2), ("int8", 1)):
        ours = rates[f"ours, {storage}, top {K}"]
        share = ours * value_bytes / (read * 4)
        benchmark.record(f"{prefix}{storage}, share of the read bandwidth", round(share, 3))
        if faiss := rates.get(f"faiss IndexFlatIP, top {K}"):
            benchmark.record(f"{prefix}{storage}, times faiss", round(ours / faiss, 2))


def expand(a: Vectors, b: Vectors) -> tuple[Vectors, ...]:
    """Return the factors and constants of the expanded form of logits."""
    p, q = softmax(a), softmax(b)
    log_p, log_q = np.log(p), np.log(q)
    own_a, own_b = (p * log_p).sum(axis=1), (q * log_q).sum(axis=1)
    return np.hstack([p, log_p]), np.hstack([log_q, q]), own_a, own_b


def expanded_divergences(u: Vectors, v: Vectors, own_a: Vectors, own_b: Vectors) -> Vectors:
    """Compute J of all pairs with BLAS."""
    out: Vectors = u @ v.T
    np.subtract(own_a[:, np.newaxis], out, out=out)
    out += own_b
    return out


def all_pairs(a: Vectors, b: Vectors, threads: int) -> Calls:
    """Return functions that compute J of all pairs, and one that computes only the product."""
    stored = expand(a, b)
    u, v = stored[:2]
    return {
        "BLAS, the product alone": lambda: u @ v.T,
        "BLAS, expanded, all stored": lambda: expanded_divergences(*stored),
        "BLAS, expanded, from logits": lambda: expanded_divergences(*expand(a, b)),
        "ours, float32, from logits": lambda: symmetric_kl_matrix(
            a, b, dtype=np.float32, num_threads=threads
        ),
    }


def measure_all_pairs(benchmark: Benchmark) -> None:
    """Measure N x M pairs in matrix form, and BLAS on the expanded form with stored factors."""
    num_a, num_b = (20, 100) if benchmark.smoke else PAIRS
    for dim in DIMS:
        a, b = embeddings(num_a, dim), embeddings(num_b, dim)
        calls = all_pairs(a, b, benchmark.threads)
        prefix = f"D {dim}, {num_a} x {num_b}: "
        timings = benchmark.measure_together(
            {prefix + name: call for name, call in calls.items()}, work=num_a * num_b, unit="pair"
        )
        ours = timings[f"{prefix}ours, float32, from logits"].rate
        for given in ("all stored", "from logits"):
            ratio = round(ours / timings[f"{prefix}BLAS, expanded, {given}"].rate, 2)
            benchmark.record(f"{prefix}ours, times BLAS expanded, {given}", ratio)
        exact = symmetric_kl_matrix(a[:100], b[:2000])
        for title, name in (
            ("BLAS, expanded", "BLAS, expanded, all stored"),
            ("ours", "ours, float32, from logits"),
        ):
            error = np.abs(np.asarray(calls[name]())[:100, :2000] - exact) / exact
            benchmark.record(f"{prefix}largest relative error, {title}", float(error.max()))
        redone = _native.symmetric_kl_pairs(a, b, 1)[1]
        benchmark.record(f"{prefix}share in the difference form", redone / (num_a * num_b))


def measure_one_pair(benchmark: Benchmark) -> None:
    """Measure a pair from Python, and an empty call of the same module."""
    for dim in DIMS:
        a, b = embeddings(2, dim)
        timings: list[Timing] = list(
            benchmark.measure_together(
                {
                    f"D {dim}: an empty pybind11 call": kernel_name,
                    f"D {dim}: one pair": lambda a=a, b=b: symmetric_kl(a, b),
                },
                unit="call",
            ).values()
        )
        above_ns = (timings[1].median_s - timings[0].median_s) * 1e9
        benchmark.record(f"D {dim}: one pair above the empty call, ns", round(above_ns))


def kernel_name() -> str:
    """Make an empty call with the same Python frame as that of a pair."""
    return _native.kernel()


def plot(points: list[dict[str, Any]], folder: Path, name: str) -> None:
    """Write <date>-<name>.svg: rates by number of voiceprints, one panel per dimension."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    dims = sorted({point["dim"] for point in points})
    figure, axes = plt.subplots(1, len(dims), figsize=(12, 5), sharey=True, squeeze=False)
    for axis, dim in zip(axes[0], dims, strict=True):
        own = [point for point in points if point["dim"] == dim]
        labels = [label for label in own[0]["rates"] if not label.startswith("read: ")]
        for label in labels:
            if label.startswith("ours") and "top" not in label:
                continue
            shown = [point for point in own if label in point["rates"]]
            axis.plot(
                [point["num"] for point in shown],
                [point["rates"][label] / 1e6 for point in shown],
                STYLES.get(label.split(", ")[1] if label.startswith("ours") else "", "-"),
                color=next((c for key, c in COLORS.items() if label.startswith(key)), "grey"),
                marker=".",
                label=label,
            )
        read = [max(r for k, r in p["rates"].items() if k.startswith("read: ")) for p in own]
        counts = [point["num"] for point in own]
        axis.plot(counts, [r / 1e6 for r in read], color="black", lw=0.7, label="reading float32")
        axis.set(xscale="log", yscale="log", xlabel="voiceprints", title=f"D = {dim}")
        axis.grid(visible=True, which="both", alpha=0.2)
    axes[0][0].set_ylabel("million pairs a second")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(folder / f"{datetime.now(UTC):%Y-%m-%d}-{name}.svg", metadata={"Date": None})


def main() -> int:
    """Measure one against many, all pairs, and one pair."""
    benchmark = Benchmark(
        name="scorer",
        question="How many pairs of embeddings are scored in a second, and how exactly?",
    )
    benchmark.record("kernel", kernel())
    points = measure_one_to_many(benchmark)
    measure_all_pairs(benchmark)
    if benchmark.threads == 1:
        measure_one_pair(benchmark)
    benchmark.finish()
    if not benchmark.smoke:
        plot(points, benchmark.results, benchmark.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
