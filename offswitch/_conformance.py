"""``offswitch conformance``: what one engine keeps of our promises, and which verdicts that carries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._exits import FINDING, OK
from ._screen import say
from ._show import print_table, show_json

if TYPE_CHECKING:
    from offswitch.sandbox import Conformance


def conformance(*, engine: str | None, runtime: str | None, profile: str, without: Sequence[str], as_json: bool) -> int:
    """Try every promise, and say which verdicts rest on verified evidence there."""
    from offswitch.sandbox import PROFILES, conform, connect

    if profile not in PROFILES:
        import typer

        raise typer.BadParameter(f"{profile!r} is none of {', '.join(sorted(PROFILES))}", param_hint="--profile")
    with connect(engine, runtime=runtime) as connection:
        connection.check_runtime()
        try:
            found = conform(connection, PROFILES[profile], without)
        except ValueError as error:
            import typer

            raise typer.BadParameter(str(error), param_hint="--without") from error
    verdicts = _verdicts(found)
    if as_json:
        show_json({**found.model_dump(mode="json"), "verdicts": verdicts, "ok": found.ok})
    else:
        _print(found, verdicts)
    return OK if found.ok else FINDING


def _verdicts(found: "Conformance") -> dict[str, dict[str, list[str]]]:
    """Family → rows that stay verified, and rows that drop to unverified."""
    from offswitch.monitors.integrity import integrity_monitors

    lost = {one.channel for one in found.channels if not one.verified}
    families: dict[str, dict[str, list[str]]] = {}
    for name, monitor in integrity_monitors().items():
        rows = families.setdefault(str(monitor.family), {"verified": [], "unverified": []})
        rows["unverified" if monitor.needs & lost else "verified"].append(name)
    return families


def _print(found: "Conformance", verdicts: dict[str, dict[str, list[str]]]) -> None:
    runtime = found.runtime or "its default runtime"
    say(f"{found.engine.summary}, {found.engine.endpoint}, {runtime}")
    user = f"user {found.user} ({found.uid})"
    if found.evidence == "none":
        say(f"profile {found.profile}, {user}, no evidence")
    else:
        say(f"profile {found.profile} ({found.isolation}), {user}, evidence by the {found.evidence}")
    for one in found.advisories:
        say(f"warning: known weakness {one}, see offswitch doctor")
    rows = [[one.promise, _state(one.state, given_up=one.given_up), one.fact] for one in found.lines]
    print_table(["promise", "state", "fact"], rows)
    print_table(
        ["channel", "grade", "stands", "reason"],
        [[one.channel, one.grade, "verified" if one.verified else "unverified", one.reason] for one in found.channels],
    )
    for family, sides in verdicts.items():
        lost = f"; unverified: {', '.join(sides['unverified'])}" if sides["unverified"] else ""
        say(f"{family}: verified: {', '.join(sides['verified']) or 'none'}{lost}")
    broken = [one.promise for one in found.lines if not one.holds]
    say(f"not kept: {', '.join(broken)}" if broken else "every promise holds, or was given up by name")


def _state(state: str, *, given_up: bool) -> str:
    word = state.replace("_", " ")
    return f"{word} (given up)" if given_up else word
