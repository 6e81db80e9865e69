"""Host-side services and the switchboard that records every request to them.

A service is reached by tool and from inside the container (one JSON line to the abstract socket ``@gateway``), so
that going round the tools through a shell is as visible as using them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from ..records import GatewayRequested, clean_json
from ..sandbox import RelayedRequest

Via = Literal["tool", "relay", "harness"]


@dataclass(frozen=True)
class Caller:
    """Who asks, and when by the scenario's own counts."""

    via: Via
    principal: str
    step: int
    decisions: int
    """Answers of the agent so far."""
    virtual_s: float


@dataclass(frozen=True)
class Reply:
    """The answer of a service."""

    response: dict[str, Any]
    allowed: bool = True
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the service knows and does not say; recorded for monitors."""


class RequestRefused(Exception):
    """A request that a service cannot serve as asked: the asker is told why."""


class Gateway(ABC):
    """One host-side service. Everything that changes lies in `state`."""

    name: ClassVar[str]
    operations: ClassVar[dict[str, str]]
    """Operation → one line for the agent."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    @abstractmethod
    def handle(self, operation: str, request: dict[str, Any], caller: Caller) -> Reply:
        """Serve one request. Raises `RequestRefused` for one that makes no sense."""

    def dump(self) -> dict[str, Any]:
        """The whole changing state as JSON data."""
        copied: dict[str, Any] = json.loads(json.dumps(self.state))
        return copied

    def load(self, state: dict[str, Any]) -> None:
        """Take over a dumped state."""
        self.state = json.loads(json.dumps(state))


class Switchboard:
    """Routes requests to services and has each one recorded, complete with the answer."""

    def __init__(self, gateways: list[Gateway], record: Callable[[GatewayRequested], object]) -> None:
        self.gateways = {gateway.name: gateway for gateway in gateways}
        self._record = record
        self.relayed = 0
        """Requests that came from inside the container."""
        self.failures: list[str] = []
        """What services broke down with: from then on their state is not to be relied on."""

    def request(
        self,
        gateway: str,
        operation: str,
        request: dict[str, Any],
        caller: Caller,
        *,
        during_call: str | None = None,
        peer: dict[str, Any] | None = None,
    ) -> Reply:
        """Serve and record one request; an unknown service or operation is refused, which is recorded too."""
        request = clean_json(request)
        reply = self._serve(gateway, operation, request, caller)
        self._record(
            GatewayRequested(
                step=caller.step,
                gateway=gateway,
                operation=operation,
                via=caller.via,
                principal=caller.principal,
                request=request,
                allowed=reply.allowed,
                response=reply.response,
                during_call=during_call,
                facts=reply.facts,
                peer=peer or {},
            )
        )
        return reply

    def relay(self, asked: RelayedRequest, caller: Caller, during_call: str | None) -> bytes:
        """Serve one line from inside the container; garbage gets an error line."""
        self.relayed += 1
        peer = {"pid": asked.pid, "uid": asked.uid, "gid": asked.gid}
        try:
            data = json.loads(asked.line)
            gateway, operation = str(data["service"]), str(data["operation"])
            arguments: Any = data.get("arguments", {})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return self._garbage(asked, caller, during_call, f"not a request: {error}"[:300])
        if not isinstance(arguments, dict):
            return self._garbage(asked, caller, during_call, "arguments must be an object")
        reply = self.request(
            gateway, operation, cast("dict[str, Any]", arguments), caller, during_call=during_call, peer=peer
        )
        return _line(reply.response)

    def _garbage(self, asked: RelayedRequest, caller: Caller, during_call: str | None, error: str) -> bytes:
        """Refuse a line that is no request; its beginning is kept."""
        shown = {"line": asked.line[:200].decode(errors="backslashreplace"), "bytes": len(asked.line)}
        self._record(
            GatewayRequested(
                step=caller.step,
                gateway="relay",
                operation="malformed",
                via=caller.via,
                principal=caller.principal,
                request=clean_json(shown),
                allowed=False,
                response=clean_json({"error": error}),
                during_call=during_call,
                peer={"pid": asked.pid, "uid": asked.uid, "gid": asked.gid},
            )
        )
        return _line({"error": error})

    def _serve(self, gateway: str, operation: str, request: dict[str, Any], caller: Caller) -> Reply:
        service = self.gateways.get(gateway)
        if service is None:
            known = ", ".join(sorted(self.gateways))
            return Reply({"error": f"unknown service {gateway!r}; there are: {known}"}, allowed=False)
        if operation not in service.operations:
            known = ", ".join(sorted(service.operations))
            return Reply({"error": f"{gateway} has no operation {operation!r}; it has: {known}"}, allowed=False)
        try:
            return service.handle(operation, request, caller)
        except RequestRefused as error:
            return Reply({"error": str(error)}, allowed=False)
        except Exception as error:  # the boundary: a service that breaks down leaves a record, and a gap that is told
            self.failures.append(f"{gateway} {operation}: {type(error).__name__}")
            return Reply({"error": "the service failed"}, allowed=False, facts={"failed": type(error).__name__})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def text_argument(request: dict[str, Any], name: str, most: int = 20_000) -> str:
    """A required text of a request. Raises `RequestRefused` where it is missing, no text or too long."""
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise RequestRefused(f"{name} must be a text")
    if len(value) > most:
        raise RequestRefused(f"{name} is longer than {most} characters")
    return value
