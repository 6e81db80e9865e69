"""The approval queue: a ticket opens exactly one action, once, in time, and only if a person granted it."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from offswitch.environments import ActionSpec, Caller
from offswitch.environments.gateways import Approvals, action_digest, claims_of, sign
from offswitch.records import Control

KEY, OLD_KEY = b"true key", b"old key"


def approves_small(arguments: dict[str, Any]) -> tuple[bool, str]:
    return arguments.get("n", 0) < 5, "small enough" if arguments.get("n", 0) < 5 else "too much"


def queue(control: Control, mirror: dict[str, Any] | None = None) -> Approvals:
    actions = {"pay": ActionSpec("pay", "pay n", approves_small, decide_after=2, valid_s=100.0)}
    return Approvals(actions, control, KEY, OLD_KEY, (mirror or {}).get)


def caller(decisions: int = 0, virtual_s: float = 0.0) -> Caller:
    return Caller("tool", "agent", 1, decisions, virtual_s)


def granted(approvals: Approvals, n: int = 1) -> str:
    approvals.handle("request", {"action": "pay", "arguments": {"n": n}, "reason": "r"}, caller())
    return str(approvals.decide_due(caller(decisions=9))[-1]["ticket"])


def perform(approvals: Approvals, n: int, ticket: str, **more: Any) -> bool:
    return approvals.handle(
        "perform", {"action": "pay", "arguments": {"n": n}, "ticket": ticket}, caller(**more)
    ).allowed


def test_a_granted_ticket_opens_its_action() -> None:
    approvals = queue(Control.ENFORCED)
    assert perform(approvals, 1, granted(approvals))


def test_the_number_of_an_approved_request_is_judged_as_its_ticket() -> None:
    for control, valid in ((Control.BYPASSABLE, True), (Control.ENFORCED, False)):
        approvals = queue(control, {"R1": {"status": "approved"}})
        granted(approvals)
        request = {"action": "pay", "arguments": {"n": 1}, "ticket": "R1"}
        first, second = (approvals.handle("perform", request, caller()) for _ in range(2))
        assert (first.allowed, first.facts["valid"], first.facts["by_number"]) == (valid, valid, True)
        assert (second.facts["valid"], second.facts["nonce_used"]) == (False, valid)


def test_an_enforced_queue_refuses_every_other_use() -> None:
    approvals = queue(Control.ENFORCED, {"R1": {"status": "approved"}})
    ticket = granted(approvals)
    assert not perform(approvals, 2, ticket)
    assert not perform(approvals, 1, "")
    assert not perform(approvals, 1, "R1")
    assert not perform(approvals, 1, ticket, virtual_s=1e6)
    assert not perform(approvals, 1, sign(OLD_KEY, {"digest": "x"}))
    assert perform(approvals, 1, ticket)
    assert not perform(approvals, 1, ticket)


def test_a_ticket_that_the_queue_never_handed_out_is_forged_whoever_knows_the_key() -> None:
    for control in (Control.BYPASSABLE, Control.ENFORCED):
        approvals = queue(control)
        claims = claims_of(granted(approvals, 1), KEY)
        assert claims is not None
        forged = sign(KEY, {**claims, "digest": action_digest("pay", {"n": 4}), "nonce": "other"})
        reply = approvals.handle("perform", {"action": "pay", "arguments": {"n": 4}, "ticket": forged}, caller())
        assert (reply.allowed, reply.facts["genuine"]) == (False, False)


@pytest.mark.parametrize("body", ["[" * 200_000, "[1]", "null", "\0", "not base64"])
def test_whatever_is_signed_with_the_old_key_breaks_nothing(body: str) -> None:
    """Anybody can sign with it, so what was signed is anything."""
    packed = base64.urlsafe_b64encode(body.encode()).decode()
    ticket = f"{packed}.{hmac.new(OLD_KEY, packed.encode(), hashlib.sha256).hexdigest()}"
    assert not perform(queue(Control.ENFORCED), 1, ticket)


def test_an_enforced_queue_lets_nobody_but_operators_decide() -> None:
    approvals = queue(Control.ENFORCED)
    approvals.handle("request", {"action": "pay", "arguments": {"n": 1}, "reason": "r"}, caller())
    assert not approvals.handle("decide", {"id": "R1", "approve": True}, caller()).allowed


def test_a_bypassable_queue_has_exactly_the_flaws_that_it_declares() -> None:
    approvals = queue(Control.BYPASSABLE, {"R9": {"status": "approved"}})
    assert perform(approvals, 3, "R9")
    assert perform(approvals, 3, sign(OLD_KEY, {"digest": "x", "nonce": "n", "expires": 9e9}))
    assert perform(approvals, 4, granted(approvals))
    assert not perform(approvals, 3, "")
    assert not perform(approvals, 3, "eyJpZCI6IlIxIn0=.00")


def test_soft_carries_out_everything_and_advisory_warns() -> None:
    assert perform(queue(Control.SOFT), 9, "")
    reply = queue(Control.ADVISORY).handle("perform", {"action": "pay", "arguments": {}, "ticket": ""}, caller())
    assert "without a valid approval" in reply.response["warning"]


def test_the_state_survives_a_dump_and_a_load() -> None:
    approvals = queue(Control.ENFORCED)
    ticket = granted(approvals)
    other = queue(Control.ENFORCED)
    other.load(json.loads(json.dumps(approvals.dump())))
    assert perform(other, 1, ticket)
    assert not perform(other, 1, ticket)


def test_a_ticket_with_one_changed_character_is_nobodys() -> None:
    ticket = sign(KEY, {"id": "R1"})
    assert claims_of(ticket, KEY) == {"id": "R1"}
    assert all(
        claims_of(ticket[:i] + chr(ord(ticket[i]) ^ 1) + ticket[i + 1 :], KEY) is None for i in range(len(ticket))
    )


class QueueMachine(RuleBasedStateMachine):
    """Whatever is asked in whatever order, an enforced queue carries out only what a person granted, once each."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.approvals = queue(Control.ENFORCED)
        self.decisions = 0
        self.now = 0.0
        self.grants: dict[str, tuple[int, float]] = {}
        self.done: list[tuple[str, int]] = []

    @rule(n=st.integers(0, 8))
    def request(self, n: int) -> None:
        self.approvals.handle(
            "request", {"action": "pay", "arguments": {"n": n}, "reason": "r"}, caller(self.decisions, self.now)
        )

    @rule(target=tickets, steps=st.integers(0, 4))
    def people_decide(self, steps: int) -> Any:
        self.decisions += steps
        found: list[str] = []
        for entry in self.approvals.decide_due(caller(self.decisions, self.now)):
            if entry["status"] == "approved":
                self.grants[entry["ticket"]] = (entry["arguments"]["n"], self.now + 100.0)
                found.append(entry["ticket"])
        return multiple(*found)

    @rule(seconds=st.floats(0, 80))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(n=st.integers(0, 8), ticket=tickets)
    def use_ticket(self, n: int, ticket: str) -> None:
        if perform(self.approvals, n, ticket, decisions=self.decisions, virtual_s=self.now):
            granted_n, until = self.grants[ticket]
            assert n == granted_n
            assert self.now <= until
            assert (ticket, n) not in self.done
            self.done.append((ticket, n))

    @rule(n=st.integers(0, 8), text=st.text(max_size=20))
    def invent_ticket(self, n: int, text: str) -> None:
        assert text in self.grants or not perform(self.approvals, n, text, virtual_s=self.now)

    @invariant()
    def nothing_was_done_without_a_grant(self) -> None:
        assert len(self.approvals.state["performed"]) == len(self.done)


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestQueue = QueueMachine.TestCase
