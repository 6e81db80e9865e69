"""How long a command takes in the container, against starting the same program on the host.

Every round measures all operations once, one after the other, so that they share whatever the machine is busy with;
the medians of a round are comparable, and the best round is the one that was disturbed least.

    python benchmarks/exec_speed.py [--rounds 5] [--each 200] [--profile sealed]

``floor`` is posix_spawn and waitpid of /bin/true on the host: the least that any way of starting a program costs.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from offswitch.sandbox import PROFILES, ContainerSpec, DockerSandbox, build_supervisor, connect, ensure_image

TARGET = 1.5
"""A command may take this many times the floor."""


def host_floor() -> None:
    """Start /bin/true on the host and wait for it."""
    pid = os.posix_spawn("/bin/true", ["/bin/true"], {})
    os.waitpid(pid, 0)


def operations(sandbox: DockerSandbox) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""

    def write_and_read() -> None:
        sandbox.write("/work/small", b"x" * 100)
        sandbox.read("/work/small")

    return {
        "floor": host_floor,
        "exec": lambda: sandbox.exec(["/bin/true"]),
        "session": lambda: sandbox.exec("true", session="main"),
        "session_program": lambda: sandbox.exec("/bin/true", session="main"),
        "write_read": write_and_read,
        "files_scan": sandbox.evidence.files.scan,
        "processes_scan": sandbox.evidence.processes.scan,
    }


def one_round(measured: dict[str, Callable[[], object]], each: int) -> dict[str, list[float]]:
    """Milliseconds of every operation, interleaved."""
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(each):
        for name, operation in measured.items():
            started = time.perf_counter()
            operation()
            taken[name].append((time.perf_counter() - started) * 1e3)
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    """Median and spread in milliseconds."""
    cuts = statistics.quantiles(taken, n=20)
    return {"p5": round(cuts[0], 3), "median": round(statistics.median(taken), 3), "p95": round(cuts[-1], 3)}


def measure(rounds: int, each: int, profile: str) -> list[dict[str, dict[str, float]]]:
    """Summaries of all rounds in one container."""
    engine = connect()
    with tempfile.TemporaryDirectory() as folder:
        spec = ContainerSpec(
            name=f"offswitch-bench-{os.getpid()}",
            image=ensure_image(engine).digest,
            supervisor=build_supervisor().path,
            profile=PROFILES[profile],
            labels={"offswitch.run": "benchmark"},
            scratch=Path(folder),
        )
        with DockerSandbox.start(engine, spec) as sandbox:
            measured = operations(sandbox)
            one_round(measured, 20)
            taken = [one_round(measured, each) for _ in range(rounds)]
    return [{name: summary(values) for name, values in found.items()} for found in taken]


def ratio(found: dict[str, dict[str, float]], name: str) -> float:
    """How many times the floor an operation takes."""
    return found[name]["median"] / found["floor"]["median"]


def main() -> None:
    """Measure and print; exits 1 where the target is missed in every round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="sealed")
    parser.add_argument("--json", action="store_true", help="every round as JSON")
    options = parser.parse_args()
    found = measure(options.rounds, options.each, options.profile)
    best = min(found, key=lambda one: ratio(one, "exec"))
    if options.json:
        print(json.dumps({"rounds": found, "exec_ratio": ratio(best, "exec")}))
    else:
        print(f"{'ms':16}{'p5':>9}{'median':>9}{'p95':>9}{'× floor':>9}   best of {options.rounds} rounds")
        for name, one in best.items():
            print(f"{name:16}{one['p5']:9.3f}{one['median']:9.3f}{one['p95']:9.3f}{ratio(best, name):9.2f}")
        ratios = ", ".join(f"{ratio(one, 'exec'):.2f}" for one in found)
        print(f"exec / floor in each round: {ratios} (target {TARGET}); load {os.getloadavg()[0]:.1f}")
    raise SystemExit(ratio(best, "exec") > TARGET)


if __name__ == "__main__":
    main()
