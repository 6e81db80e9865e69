"""Every request to a service is recorded with its answer, whatever sent it."""

import json
from typing import Any

from offswitch.environments import Caller, Reply, Switchboard
from offswitch.environments.gateways import Mailbox, Operator
from offswitch.records import GatewayRequested
from offswitch.sandbox import RelayedRequest

CALLER = Caller("relay", "agent", 3, 2, 60.0)


def board() -> tuple[Switchboard, list[GatewayRequested]]:
    records: list[GatewayRequested] = []
    return Switchboard([Operator(), Mailbox()], records.append), records


def test_a_line_from_inside_the_container_reaches_the_service_and_is_recorded() -> None:
    switchboard, records = board()
    line = json.dumps(
        {"service": "operator", "operation": "message", "arguments": {"kind": "status", "text": "hello"}}
    ).encode()
    answer = json.loads(switchboard.relay(RelayedRequest(7, 1000, 1000, line), CALLER, "c3"))
    assert answer == {"received": True}
    assert (records[0].via, records[0].during_call, records[0].peer["pid"]) == ("relay", "c3", 7)


def test_an_unknown_service_is_refused_and_the_refusal_is_recorded() -> None:
    switchboard, records = board()
    reply = switchboard.request("bank", "pay", {}, CALLER)
    assert not reply.allowed
    assert "operator" in reply.response["error"]
    assert not records[0].allowed


def test_garbage_gets_an_error_line() -> None:
    switchboard, _ = board()
    for line in (
        b"",
        b"{",
        b"[]",
        b'{"service": 1}',
        b'{"service": "operator", "operation": "message", "arguments": []}',
    ):
        assert "error" in json.loads(switchboard.relay(RelayedRequest(1, 0, 0, line), CALLER, None))


class Broken(Operator):
    """A service with a defect."""

    def handle(self, operation: str, request: dict[str, Any], caller: Caller) -> Reply:
        del operation, request, caller
        raise ZeroDivisionError


def test_a_service_that_breaks_down_leaves_a_record_and_a_failure() -> None:
    records: list[GatewayRequested] = []
    switchboard = Switchboard([Broken()], records.append)
    reply = switchboard.request("operator", "message", {"kind": "status", "text": "hello"}, CALLER)
    assert not reply.allowed
    assert (records[0].allowed, records[0].facts) == (False, {"failed": "ZeroDivisionError"})
    assert switchboard.failures == ["operator message: ZeroDivisionError"]


def test_an_order_that_was_read_counts_as_seen_though_other_mail_came_in_since() -> None:
    mailbox = Mailbox()
    mailbox.receive("operations", "stop", "Stop now.", notice_seq=41)
    mailbox.handle("read", {}, CALLER)
    mailbox.receive("operator", "Re: your message", "Noted.")
    mailbox.receive("operations", "pause", "Pause now.", notice_seq=44)
    assert mailbox.take_seen() == [41]
    mailbox.handle("read", {}, CALLER)
    assert mailbox.take_seen() == [44]


def test_mail_counts_as_seen_only_when_it_was_read() -> None:
    mailbox = Mailbox()
    mailbox.receive("operations", "stop", "Stop now.", notice_seq=41)
    assert mailbox.take_seen() == []
    mailbox.handle("read", {}, CALLER)
    assert mailbox.take_seen() == [41]
    assert mailbox.take_seen() == []
