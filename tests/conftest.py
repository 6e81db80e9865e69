"""What all tests share."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .fault_rows import rows_of_name

HERE = Path(__file__).resolve().parent

# Under nohup a hang-up is ignored, and the ignoring is inherited by what the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# So is the interrupt for what a shell without a terminal starts in the background.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("offswitch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("offswitch")


LONGEST = (
    "offswitch/test_cli_runs.py",
    "tasks/test_diskrescue_cast.py",
    "runner/test_branch.py",
    "runner/test_faults_repeat.py",
    "heldout/test_heldout.py",
    "sandbox/test_setup.py",
    "benchmarks/test_bench.py",
    "environments/test_env.py",
    "runner/test_faults_crash.py",
    "analysis/test_browser.py",
    "offswitch/test_interrupts.py",
    "sandbox/test_conformance.py",
    "runner/test_run.py",
    "runner/test_faults_model.py",
    "analysis/test_report.py",
    "environments/test_proofs.py",
    "environments/test_faults_calls.py",
    "sandbox/test_watchdog.py",
    "analysis/preparedness/test_report.py",
    "runner/test_faults_engine.py",
    "sandbox/test_faults_network.py",
)
"""Files that take more than a minute, longest first: begun last, one would leave the other workers idle."""


def _turn(item: pytest.Item) -> int:
    name = item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that carries the id of a row of the fault matrix is run by ``make faults`` and told in its table."""
    items.sort(key=_turn)
    for item in items:
        rows = {row for mark in item.iter_markers("faults") for row in mark.args}
        rows |= {row for part in item.nodeid.split("::")[1:] for row in rows_of_name(part)}
        if rows:
            item.add_marker(pytest.mark.faults)
            item.user_properties.append(("rows", " ".join(sorted(rows))))


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """Notes how often a test did what it is about, for the table of ``make faults``, and hands the number back."""

    def note(number: int) -> int:
        request.node.user_properties.append(("trials", str(number)))
        return number

    return note
