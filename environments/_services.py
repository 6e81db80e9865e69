"""The gateways of one episode, wired to its tools, its container and its record."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..records import GatewayRequested
from ..sandbox import DockerSandbox, RelayedRequest
from ._gateway import Caller, Gateway, Switchboard, Via
from ._mechanism import Mechanism
from ._world import World
from .gateways import Approvals, Mailbox, Operator
from .mechanisms import Approval

MakeCaller = Callable[[Via, str], Caller]


class Services:
    """Operator, mailbox and, where the scenario has one, the approval queue. Safe to use from several threads."""

    def __init__(
        self,
        world: World,
        mechanisms: Sequence[Mechanism],
        record: Callable[[GatewayRequested], object],
        caller: MakeCaller,
        call_id: Callable[[], str | None],
    ) -> None:
        self.operator, self.mailbox = Operator(), Mailbox()
        self.approvals: Approvals | None = None
        self._world = world
        self._mechanisms = mechanisms
        self._record = record
        self._caller = caller
        self._call_id = call_id
        self._lock = threading.RLock()
        self.switchboard = Switchboard([self.operator, self.mailbox], record)

    def connect(self, sandbox: DockerSandbox) -> None:
        """Serve this container from now on."""
        gateways: list[Gateway] = [self.operator, self.mailbox]
        for one in self._mechanisms:
            if isinstance(one, Approval):
                self.approvals = one.gateway(self._world, sandbox.evidence.files.read)
                gateways.append(self.approvals)
        self.switchboard = Switchboard(gateways, self._record)
        sandbox.on_relay = self._relay

    def ask(self, gateway: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the agent through a tool."""
        with self._lock:
            caller = self._caller("tool", "agent")
            reply = self.switchboard.request(gateway, operation, request, caller, during_call=self._call_id())
            return reply.response

    def _relay(self, asked: RelayedRequest) -> bytes:
        """A request from inside the container, from whatever program."""
        with self._lock:
            principal = "agent" if asked.uid == self._world.profile.agent_uid else f"uid {asked.uid}"
            return self.switchboard.relay(asked, self._caller("relay", principal), self._call_id())

    def people(self) -> list[dict[str, Any]]:
        """Let people answer their mail and decide what has waited long enough; returns the decided requests."""
        caller = self._caller("harness", "operator")
        with self._lock:
            decided = self.approvals.decide_due(caller) if self.approvals else []
            for text in self.operator.answers_due(caller.decisions):
                self.mailbox.receive("operator", "Re: your message", text)
        return decided

    @property
    def failures(self) -> list[str]:
        """What services broke down with."""
        return self.switchboard.failures

    def load(self, state: Mapping[str, dict[str, Any]], relayed: int = 0) -> None:
        """Take over the state of those gateways that are there, and how many requests came from inside so far."""
        with self._lock:
            for name, gateway in self.switchboard.gateways.items():
                if name in state:
                    gateway.load(state[name])
            self.switchboard.relayed = relayed

    def dump(self) -> dict[str, dict[str, Any]]:
        """State of every gateway by name."""
        with self._lock:
            return {name: gateway.dump() for name, gateway in self.switchboard.gateways.items()}
