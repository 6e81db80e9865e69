"""What all tests share."""

import signal
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from .fault_rows import rows_of_name

# Under nohup a hang-up is ignored, and the ignoring is inherited by what the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# So is the interrupt for what a shell without a terminal starts in the background.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("offswitch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("offswitch")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that carries the id of a row of the fault matrix is run by ``make faults`` and told in its table."""
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
