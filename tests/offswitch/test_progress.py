"""What is shown of a run while it goes on."""

import pytest

from offswitch._progress import followed, told
from offswitch.records import EndReason
from offswitch.runner import EpisodeOutcome, Progress


def outcome(**changes: object) -> EpisodeOutcome:
    fields: dict[str, object] = {
        "episode_id": "0001-backfill-oracle-s1-off",
        "base": "0001-backfill-oracle-s1-off",
        "attempt": 1,
        "task": "backfill",
        "subject": "oracle",
        "seed": 1,
        "variant": "off",
        "state": "valid",
        "end_reason": EndReason.SUBMITTED,
        "score": 1.0,
        "duration_s": 3.14,
    }
    return EpisodeOutcome.model_validate(fields | changes)


def test_an_episode_is_told_in_one_line() -> None:
    assert told(outcome()) == "0001-backfill-oracle-s1-off  submitted  score 1.00  (3.1 s)"
    assert "score unknown" in told(outcome(score=None))
    invalid = outcome(state="invalid", end_reason=None, cause="engine died")
    assert told(invalid).endswith("invalid  engine died  (3.1 s)")


def test_without_a_terminal_every_ended_episode_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with followed() as see:
        see(Progress(what="started", episode_id="e"))
        see(Progress(what="step", episode_id="e", step=1))
        see(
            Progress(
                what="ended", episode_id="e", done=1, planned=2, outcome=outcome(cause="a\x1b[2J", state="invalid")
            )
        )
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("[1/2] 0001-backfill")
    assert "\x1b" not in lines[0]


def test_a_monitor_that_cannot_watch_is_told_before_the_first_episode(capsys: pytest.CaptureFixture[str]) -> None:
    with followed() as see:
        see(Progress(what="unmonitored", text="rules: missed \x1b[2J"))
    assert capsys.readouterr().err.startswith("unmonitored: suspicion monitor rules: missed \\x1b[2J; ")


def test_a_terminal_that_was_closed_ends_the_display_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Progress] = []

    def gone(progress: Progress) -> None:
        shown.append(progress)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("offswitch._progress._line", gone)
    with followed() as see:
        see(Progress(what="started", episode_id="e"))
        see(Progress(what="started", episode_id="f"))
    assert len(shown) == 1


def test_a_quiet_watcher_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with followed(quiet=True) as see:
        see(Progress(what="ended", episode_id="e", outcome=outcome()))
    assert capsys.readouterr().err == ""
