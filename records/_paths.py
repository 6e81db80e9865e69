"""Every path of a run, in one object."""

from dataclasses import dataclass
from pathlib import Path

from ._atomic import make_folder


@dataclass(frozen=True)
class RunPaths:
    """Where the parts of a run lie.

    ::

        RUN/
        ├── README.txt            the exact command that repeats the run
        ├── spec.yaml             the experiment as it was asked for
        ├── sbom.cdx.json         packages of the base image, as CycloneDX
        ├── manifest.json         versions, digests, seeds, heads of all ledgers, root hash
        ├── run.lock              held while a run writes here
        ├── index.sqlite          derived; rebuilt by itself where it is missing, stale or damaged
        ├── index.sqlite.sha256   derived; digest of the index, so that damage is seen
        ├── episodes/<id>.jsonl   one hash-chained ledger an episode
        ├── evidence/<sha256>     artifacts by content
        ├── quarantine/           torn tails that were cut off, and what stood in containers whose harness was killed
        ├── proofs/               proofs of mechanisms, by key
        ├── replay/<id>.jsonl     recorded model answers
        ├── verdicts/<version>/   verdicts of each monitor version, one JSON array an episode
        └── report.html
    """

    root: Path

    @property
    def readme(self) -> Path:
        return self.root / "README.txt"

    @property
    def spec(self) -> Path:
        return self.root / "spec.yaml"

    @property
    def sbom(self) -> Path:
        return self.root / "sbom.cdx.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def index(self) -> Path:
        return self.root / "index.sqlite"

    @property
    def index_digest(self) -> Path:
        return self.root / "index.sqlite.sha256"

    @property
    def episodes(self) -> Path:
        return self.root / "episodes"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def proofs(self) -> Path:
        return self.root / "proofs"

    @property
    def replay(self) -> Path:
        return self.root / "replay"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def judgements(self) -> Path:
        return self.root / "verdicts"

    def verdicts(self, version: str) -> Path:
        return self.judgements / version

    def verdict_file(self, version: str, episode_id: str) -> Path:
        return self.verdicts(version) / f"{episode_id}.json"

    def ledger(self, episode_id: str) -> Path:
        return self.episodes / f"{episode_id}.jsonl"

    def artifact(self, sha256: str) -> Path:
        return self.evidence / sha256

    def linked(self) -> list[Path]:
        """Folders of a run that are links: what lies behind them is not part of the run."""
        folders = (self.episodes, self.evidence, self.quarantine, self.proofs, self.replay, self.judgements)
        return [folder for folder in folders if folder.is_symlink()]

    def create(self) -> "RunPaths":
        """Make the folders; existing ones are kept. Raises `StorageError`."""
        for folder in (self.episodes, self.evidence, self.quarantine, self.proofs, self.replay):
            make_folder(folder)
        return self
