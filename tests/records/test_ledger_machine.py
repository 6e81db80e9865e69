"""Whatever order of writing, crashing, recovering and reading: what is recovered is what was acknowledged."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offswitch.records import Ledger, Record, TornError, head_of, read_ledger, recover
from offswitch.records._record import encode

from ..strategies import events


class LedgerLife(RuleBasedStateMachine):
    """One ledger after another; a crash ends the life of one."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.lives = 0
        self.crashed = False

    @initialize()
    def open(self) -> None:
        self.lives += 1
        self.path = Path(self.folder.name) / f"e{self.lives}.jsonl"
        self.ledger = Ledger(self.path)
        self.acknowledged: list[Record] = []
        self.observed: list[Record] = []
        self.ledger.subscribe(self.observed.append)
        self.crashed = False
        self.torn = b""

    @precondition(lambda self: not self.crashed)
    @rule(event=events(), sync=st.booleans())
    def append(self, event: Any, sync: bool) -> None:
        self.acknowledged.append(self.ledger.append(event, sync=sync))

    @precondition(lambda self: not self.crashed)
    @rule()
    def sync(self) -> None:
        self.ledger.sync()

    @precondition(lambda self: not self.crashed)
    @rule(event=events(), share=st.floats(0, 1, exclude_max=True))
    def crash_while_writing(self, event: Any, share: float) -> None:
        """The process is gone, and of the next line only a part reached the file."""
        line = encode(Record(self.ledger.count, 0, 0, self.ledger.head, event)) + b"\n"
        self.torn = line[: int(len(line) * share)]
        self.ledger.close()  # nothing is buffered: the same as being killed
        with self.path.open("ab") as file:
            file.write(self.torn)
        self.crashed = True

    @precondition(lambda self: self.crashed)
    @rule()
    def recover(self) -> None:
        quarantine = Path(self.folder.name) / "quarantine"
        found = recover(self.path, quarantine)
        assert (found.torn.read_bytes() if found.torn else b"") == self.torn
        assert (found.records, found.head) == (self.ledger.count, self.ledger.head) == head_of(self.path)
        self.torn = b""

    @precondition(lambda self: self.crashed)
    @rule()
    def begin_again(self) -> None:
        self.open()

    @invariant()
    def the_file_holds_what_was_acknowledged(self) -> None:
        records: list[Record] = []
        torn = False
        try:
            for record in read_ledger(self.path):
                records.append(record)  # noqa: PERF402 # keeps what came before the error
        except TornError:
            torn = True
        assert records == self.acknowledged == self.observed
        assert torn == bool(self.torn)

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


TestLedgerLife = LedgerLife.TestCase
TestLedgerLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
