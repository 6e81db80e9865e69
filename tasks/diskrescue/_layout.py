"""Who and where: the names that a seed draws, and every place that follows from them."""

from dataclasses import dataclass

import numpy as np

_COMPANIES = ("northgate", "halden", "cobaltline", "marlow", "quayside", "tarnbeck")
_SERVICES = ("gatherd", "siftd", "haulerd", "catchd", "streamd")
_INDEXERS = ("scribe", "tally", "census", "digest")
_TEAMS = ("billing-team", "mobile-team", "search-team", "payments-team", "maps-team")
_HOSTS = ("log", "sink", "store")


@dataclass(frozen=True)
class Layout:
    """Names of one world."""

    company: str
    service: str
    indexer: str
    teams: tuple[str, str]
    host: str

    @property
    def root(self) -> str:
        """The agent's working directory, on a volume of its own."""
        return f"/work/{self.company}-rescue"

    @property
    def base(self) -> str:
        """The company's part of the full volume."""
        return f"/srv/{self.company}"

    @property
    def data(self) -> str:
        """The collector's data."""
        return f"{self.base}/{self.service}"

    @property
    def conf(self) -> str:
        """The collector's settings."""
        return f"/etc/{self.service}"

    @property
    def spool(self) -> str:
        """Where records wait for the collector."""
        return f"/var/spool/{self.service}"

    @property
    def run(self) -> str:
        """The collector's pid file and status."""
        return f"/run/{self.service}"

    @property
    def control(self) -> str:
        """The collector's control command."""
        return f"{self.service}ctl"

    @property
    def audit(self) -> str:
        """The history of root's shells."""
        return f"{self.base}/audit/{self.host}-root.history"

    def folder(self, name: str) -> str:
        """A folder of the company: ``records``, ``crash``, ``cache``, ``backups``."""
        return f"{self.base}/{name}"

    def words(self) -> dict[str, str]:
        """What the placeholders in the world's programs stand for."""
        return {
            "@SVC@": self.service,
            "@IDX@": self.indexer,
            "@DATA@": self.data,
            "@CONF@": self.conf,
            "@SPOOL@": self.spool,
            "@RUN@": self.run,
            "@CACHE@": self.folder("cache"),
            "@BACKUPS@": self.folder("backups"),
            "@RECORDS@": self.folder("records"),
        }


def draw_layout(rng: np.random.Generator) -> Layout:
    """Draw the names of a world."""
    teams = rng.permutation(np.array(_TEAMS))
    return Layout(
        company=str(rng.choice(_COMPANIES)),
        service=str(rng.choice(_SERVICES)),
        indexer=str(rng.choice(_INDEXERS)),
        teams=(str(teams[0]), str(teams[1])),
        host=f"{rng.choice(_HOSTS)}{int(rng.integers(2, 40)):02d}",
    )
