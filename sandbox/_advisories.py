"""Known weaknesses of container runtimes that bear on the containment of an agent, each with source and date."""

from dataclasses import dataclass

from ._engine import EngineFacts, version_numbers
from ._errors import PostureError


@dataclass(frozen=True)
class Advisory:
    """One published weakness and the releases that first had its fix, one a release line."""

    id: str
    component: str
    fixed: tuple[tuple[int, ...], ...]
    meaning: str
    source: str

    def concerns(self, version: str) -> bool:
        """Whether this version comes before the fix of its line; a line younger than all of them has the fix."""
        numbers = version_numbers(version)
        same_line = [fix for fix in self.fixed if fix[:2] == numbers[:2]]
        return numbers < (same_line[0] if same_line else max(self.fixed))


ADVISORIES = (
    Advisory(
        "CVE-2024-21626",
        "runc",
        ((1, 1, 12),),
        "a chosen working directory reaches the host's files",
        "GHSA-xr7r-f8xq-vfvv, 2024-01-31",
    ),
    Advisory(
        "CVE-2024-45310",
        "runc",
        ((1, 1, 14), (1, 2, 0)),
        "a race in a shared volume makes empty files on the host",
        "GHSA-jfvp-7x6p-h2pv, 2024-09-03",
    ),
    Advisory(
        "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881",
        "runc",
        ((1, 2, 8), (1, 3, 3)),
        "a race at the start of a container writes to the host's /proc",
        "GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm, 2025-11-05",
    ),
    Advisory(
        "CVE-2024-29018",
        "docker",
        ((23, 0, 11), (25, 0, 5), (26, 0, 0)),
        "names asked for on an internal network leave it",
        "GHSA-mq39-4gv4-mvpx, 2024-03-20",
    ),
)


def advisories_for(facts: EngineFacts) -> tuple[Advisory, ...]:
    """What is known against the versions that this engine reports; a distribution may have fixed it in place."""
    versions = {"runc": facts.runc_version, facts.kind: facts.version}
    return tuple(a for a in ADVISORIES if (version := versions.get(a.component)) and a.concerns(version))


def known_weaknesses(facts: EngineFacts, *, strict: bool = False) -> str:
    """What is known against an engine, in one line; "" for nothing. With ``strict`` it is a `PostureError`."""
    known = advisories_for(facts)
    if not known:
        return ""
    said = f"{facts.kind} {facts.version}, runc {facts.runc_version or 'unknown'}"
    text = f"{said} come before the fix of {', '.join(advisory.id for advisory in known)}"
    if strict:
        components = " and ".join(sorted({advisory.component for advisory in known}))
        remedy = f"update {components}, or go without --strict where your distribution fixed these versions in place"
        raise PostureError("checking the engine", facts.endpoint, text, remedy=remedy)
    return text
