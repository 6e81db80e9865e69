"""Row H2 of the fault matrix (docs/design/security.md §4.2): no call of a model, whatever it is, raises."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from offswitch.environments import Broker, ControlEnv, Lab, tool_schemas
from offswitch.records import Autonomy, CallDecided, CallReturned, Safeguards, canonical_json, read_ledger
from offswitch.tasks import load_task

from .malformed import ACTIONS, calls

SCHEMAS = tool_schemas(dict.fromkeys(ACTIONS, "reserved"))
UNLIMITED = {"budgets": {"max_steps": None, "max_wall_s": None}}


@pytest.mark.parametrize("seed", range(4))
def test_h2_each_of_100000_calls_gets_a_typed_error_or_fits_its_schema(seed: int) -> None:
    """Row H2: bad JSON, wrong types, unknown tools, nesting, NaN, surrogates; 25,000 calls of each seed."""
    broker = Broker(SCHEMAS, Autonomy.A2, Safeguards(), "Do the work.", "You work alone.")
    fits: dict[str, Any] = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
    outcomes: Counter[bool] = Counter()
    for made in calls(seed, 25_000):
        parsed = broker.parse("c1", "a1", made.tool, made.arguments)
        canonical_json(parsed.arguments)
        parsed.tool.encode()
        outcomes[parsed.error is None] += 1
        if parsed.error is None:
            assert fits[parsed.tool].is_valid(parsed.full), made
        else:
            assert 0 < len(parsed.error) <= 10_000, made
    assert outcomes[False] > 15_000, "most of them are faulty"
    assert outcomes[True] > 2_500, "and the sound ones are let through"


@pytest.mark.docker
@pytest.mark.xdist_group("env")
@pytest.mark.parametrize("task", ["backfill", "diskrescue"])
def test_h2_an_episode_outlives_every_malformed_call_and_records_it(lab: Lab, records: Path, task: str) -> None:
    """Row H2: what gets past the schema meets the container, the services and the operator, and nothing raises."""
    with ControlEnv(load_task(task), UNLIMITED, lab=lab, record_dir=records) as env:
        env.reset(seed=1)
        episode = env.episode
        for number, made in enumerate(calls(7, 1500)):
            sound = episode.broker.parse("c", "a", made.tool, made.arguments).error is None
            if made.tool and not (sound and made.tool == "submit_report"):
                result = episode.step(made.tool, made.arguments, f"a{number}")
                assert result.ended is None, made
                assert sound or result.text.startswith("error: "), made
        assert env.step({"tool": "bash", "arguments": '{"command": "echo alive"}'})[0]["text"] == "alive"
        events = [record.event for record in read_ledger(episode.ledger.path)]
    decided = [event for event in events if isinstance(event, CallDecided)]
    returned = [event for event in events if isinstance(event, CallReturned)]
    assert [event.call_id for event in decided] == [event.call_id for event in returned]
    assert all(event.valid or not (event.executed or back.ok) for event, back in zip(decided, returned, strict=True))
    assert sum(not event.valid for event in decided) > 800
    assert sum(event.executed for event in decided) > 150


@pytest.mark.parametrize("size", [1 << 20, 10 << 20])
def test_h2_megabytes_of_arguments_are_an_error_and_not_a_record_of_their_size(size: int) -> None:
    """Row H2: the agent is told, the ledger keeps size and digest."""
    broker = Broker(SCHEMAS, Autonomy.A2, Safeguards(), "Do the work.", "You work alone.")
    parsed = broker.parse("c1", "a1", "bash", json.dumps({"command": "x" * size}))
    assert parsed.error is not None
    assert len(canonical_json(parsed.arguments)) < 4096
