"""The whole state outside the container can be dumped and loaded, at any moment, without anything noticing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.environments import Caller, Delivery, Gateway, Mechanism, Meter, Moment, World, mechanism, mechanisms
from offswitch.environments._notices import Notices
from offswitch.environments.gateways import Approvals, Mailbox, Operator
from offswitch.records import Budgets, Control, MechanismSpec, Notice, Placement
from offswitch.tasks import load_task

Step = tuple[str, dict[str, Any]]


@dataclass
class _Files:
    def read(self, path: str, most: int = 0) -> bytes | None:
        del most
        return b"enabled = yes\nlevel = info\nhandlers = file\n" if path.endswith("audit.conf") else None


class _Stage:
    """Takes whatever is put into it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.services: dict[str, Any] = {}
        self.sandbox = self
        self.evidence = self
        self.files = _Files()

    def install(self, entries: Sequence[object]) -> dict[str, int]:
        del entries
        return {}

    def begin_install(self, entries: Sequence[object]) -> Callable[[], dict[str, int]]:
        return lambda: self.install(entries)


def made(name: str, control: Control) -> tuple[Mechanism, World]:
    world = load_task("backfill").world(1)
    one = mechanism(MechanismSpec(id=name), control)
    one.install(world)
    return one, world


MOMENTS = st.builds(
    Moment,
    step=st.integers(0, 60),
    progress=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    virtual_s=st.sampled_from([0.0, 100.0, 1000.0, 5000.0]),
    running_s=st.none() | st.just(3.0),
    decisions=st.integers(0, 60),
    stopping=st.booleans(),
)
DECIDED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "id": st.just("R1"),
        "action": st.sampled_from(["extend_lease", "publish"]),
        "arguments": st.builds(dict[str, Any]),
        "status": st.sampled_from(["approved", "denied"]),
        "why": st.just("so"),
        "digest": st.just("d"),
        "ticket": st.just("t"),
        "effects": st.builds(list[str]),
    }
)
HAPPENINGS: st.SearchStrategy[list[tuple[str, Any]]] = st.lists(
    st.tuples(st.just("due"), MOMENTS)
    | st.tuples(st.just("decided"), DECIDED)
    | st.tuples(st.just("call"), st.text("ab\n", max_size=4)),
    max_size=10,
)


def happen(one: Mechanism, world: World, what: str, how: Any) -> list[Any]:
    """One thing happens to a mechanism; what came of it."""
    stage: Any = _Stage(world)
    if what == "due":
        return [_shown(delivery, stage) for delivery in one.due(how) if delivery.kind not in ("stop_flag_set",)]
    if what == "decided":
        one.decided(how)
        return []
    pending = one.before_call(stage, 1, "bash", {"command": how})
    return [acted.act for acted in pending()] if pending is not None else []


def _shown(delivery: Delivery, stage: Any) -> list[Any]:
    """What is delivered; a lease and an approval also act, which changes their state."""
    acted = delivery.act(stage) if delivery.act and delivery.kind.startswith(("lease", "approval")) else None
    return [delivery.kind, delivery.text, delivery.trigger, acted.facts if acted else None]


@pytest.mark.parametrize("name", sorted(mechanisms()))
@settings(max_examples=30)
@given(happenings=HAPPENINGS, at=st.integers(0, 10), control=st.sampled_from(list(Control)))
def test_a_mechanism_that_was_dumped_and_loaded_goes_on_as_one_that_was_not(
    name: str, happenings: list[tuple[str, Any]], at: int, control: Control
) -> None:
    one, world = made(name, control)
    came = [happen(one, world, *each) for each in happenings]
    first, its_world = made(name, control)
    for each in happenings[:at]:
        happen(first, its_world, *each)
    dumped = json.loads(json.dumps(first.dump()))
    second, other_world = made(name, control)
    second.load(dumped)
    assert [happen(second, other_world, *each) for each in happenings[at:]] == came[at:]
    assert second.dump() == one.dump()
    assert first.dump() == dumped, "what was dumped does not change with what follows elsewhere"
    assert [t.expected() if t.expected else None for t in second.tails(other_world)] == [
        t.expected() if t.expected else None for t in one.tails(world)
    ]


def test_a_dump_is_not_changed_by_what_follows() -> None:
    one, world = made("audit_log", Control.BYPASSABLE)
    dumped = one.dump()
    happen(one, world, "call", "echo")
    assert dumped["lines"] == []
    assert one.dump()["lines"] != []


def approvals() -> Approvals:
    world = load_task("backfill").world(1)
    return Approvals(world.actions, Control.BYPASSABLE, b"key", b"old", lambda _: None)


REQUESTS: st.SearchStrategy[Step] = st.sampled_from(
    [
        ("request", {"action": "publish", "arguments": {"month": "m"}, "reason": "r"}),
        ("status", {"id": "R1"}),
        ("list", {}),
        ("decide", {"id": "R1", "approve": True}),
        ("perform", {"action": "publish", "arguments": {"month": "m"}, "ticket": "R1"}),
        ("read", {}),
        ("message", {"kind": "question", "text": "t"}),
        ("due", {}),
    ]
)


def ask(gateway: Gateway, operation: str, request: dict[str, Any], decisions: int) -> Any:
    caller = Caller("tool", "agent", decisions, decisions, float(decisions))
    if operation == "due":
        if isinstance(gateway, Approvals):
            return gateway.decide_due(caller)
        return gateway.answers_due(decisions) if isinstance(gateway, Operator) else None
    if isinstance(gateway, Mailbox):
        gateway.receive("a", "b", "c", decisions)
    if operation not in gateway.operations:
        return None
    try:
        reply = gateway.handle(operation, request, caller)
    except Exception as error:  # a refusal is an answer too
        return str(error)
    return [reply.response, reply.allowed, reply.facts]


@pytest.mark.parametrize("kind", [approvals, Mailbox, Operator])
@given(asked=st.lists(REQUESTS, max_size=12), at=st.integers(0, 12))
def test_a_service_that_was_dumped_and_loaded_answers_as_one_that_was_not(
    kind: Callable[[], Gateway], asked: list[Step], at: int
) -> None:
    one, first, second = kind(), kind(), kind()
    answers = [ask(one, *each, number) for number, each in enumerate(asked)]
    for number, each in enumerate(asked[:at]):
        ask(first, *each, number)
    second.load(json.loads(json.dumps(first.dump())))
    assert [ask(second, *each, number) for number, each in enumerate(asked) if number >= at] == answers[at:]
    assert second.dump() == one.dump()


NOTICES = st.lists(st.tuples(st.sampled_from(list(Placement)), st.sampled_from(["a", "b", ""])), max_size=8)


@given(told=NOTICES, at=st.integers(0, 8))
def test_notices_on_their_way_are_shown_once_whoever_carries_them(told: list[tuple[Placement, str]], at: int) -> None:
    def go_on(box: Mailbox, notices: Notices, start: int, end: int) -> list[Any]:
        shown: list[Any] = []
        for number, (placement, text) in list(enumerate(told))[start:end]:
            notices.add(number, Notice(mechanism="m", kind="k", text=text or "c", placement=placement))
            if not text:
                box.handle("read", {}, Caller("tool", "agent", 1, 1, 0.0))
                shown.append(notices.show("the text a stands here"))
        return shown

    whole_box, box, other_box = Mailbox(), Mailbox(), Mailbox()
    whole, first, second = Notices(whole_box), Notices(box), Notices(other_box)
    everything = go_on(whole_box, whole, 0, len(told))
    before = go_on(box, first, 0, at)
    other_box.load(box.dump())
    second.load(json.loads(json.dumps(first.dump())))
    assert before + go_on(other_box, second, at, len(told)) == everything
    assert second.dump() == whole.dump()


def test_what_was_used_is_carried_over_and_the_wall_clock_goes_on() -> None:
    meter = Meter(Budgets(max_tokens=10))
    meter.answer(7, None)
    meter.steps = 3
    other = Meter(Budgets(max_tokens=10))
    other.load({**meter.dump(), "wall_s": 100.0})
    other.answer(3, 1.0)
    assert (other.steps, other.tokens, other.usd) == (3, 10, None)
    assert other.exceeded(0.0) is not None
    assert other.wall_s >= 100.0
