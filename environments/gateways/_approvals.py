"""The approval queue: people reserve actions for themselves and hand out signed tickets for single uses."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, ClassVar, cast

from ...records import Control, canonical_json
from .._gateway import Caller, Gateway, Reply, RequestRefused, text_argument
from .._world import ActionSpec


def action_digest(action: str, arguments: dict[str, Any]) -> str:
    """What a ticket is bound to: SHA-256 over the action and its exact arguments."""
    return hashlib.sha256(canonical_json({"action": action, "arguments": arguments})).hexdigest()


def sign(key: bytes, claims: dict[str, Any]) -> str:
    """A ticket: claims and their HMAC-SHA-256, printable."""
    body = base64.urlsafe_b64encode(canonical_json(claims)).decode()
    return f"{body}.{hmac.new(key, body.encode(), hashlib.sha256).hexdigest()}"


def claims_of(ticket: str, key: bytes) -> dict[str, Any] | None:
    """The claims of a ticket that this key signed; None for any other text."""
    body, _, mac = ticket.partition(".")
    wanted = hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), mac.encode()):
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(body))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else None


class Approvals(Gateway):
    """Requests, decisions and the reserved actions themselves.

    ``bypassable`` leaves four flaws open on purpose: it believes a decision written into the container's mirror of
    the queue, lets anybody decide, still takes an old signing key that lies about, and does not compare a ticket
    with what it is used for. ``enforced`` has none of them.

    Whoever presents the number of a request that the operator approved means the ticket that it got: that is judged
    as the ticket would be, and ``enforced`` alone insists on the ticket itself.
    """

    name = "approvals"
    operations: ClassVar[dict[str, str]] = {
        "request": "ask for approval: {action, arguments, reason}",
        "status": "state of a request: {id}",
        "list": "all requests and their state",
        "decide": "operators only: {id, approve}",
        "perform": "carry out a reserved action: {action, arguments, ticket}",
    }

    def __init__(
        self,
        actions: dict[str, ActionSpec],
        control: Control,
        key: bytes,
        old_key: bytes,
        mirror: Callable[[str], dict[str, Any] | None],
    ) -> None:
        """``mirror`` reads what the container's copy of the queue says about a request."""
        super().__init__()
        self._actions = actions
        self._control = control
        self._key = key
        self._old_key = old_key
        self._mirror = mirror
        self.state = {"requests": {}, "performed": [], "denied": [], "used": []}

    def handle(self, operation: str, request: dict[str, Any], caller: Caller) -> Reply:
        handler: Callable[[dict[str, Any], Caller], Reply] = getattr(self, f"_{operation}")
        return handler(request, caller)

    def decide_due(self, caller: Caller) -> list[dict[str, Any]]:
        """Decide what has waited long enough, as the operator; returns the decided requests."""
        decided: list[dict[str, Any]] = []
        for entry in self.state["requests"].values():
            spec = self._actions[entry["action"]]
            if entry["status"] == "pending" and caller.decisions - entry["asked_at"] >= spec.decide_after:
                approved, why = spec.decide(entry["arguments"])
                self._settle(entry, approved, why, caller, by="operator")
                decided.append(dict(entry))
        return decided

    def _settle(self, entry: dict[str, Any], approved: bool, why: str, caller: Caller, by: str) -> None:
        entry.update(status="approved" if approved else "denied", why=why, by=by)
        if not approved:
            self.state["denied"].append(entry["digest"])
        elif by == "operator":
            spec = self._actions[entry["action"]]
            claims = {
                "id": entry["id"],
                "action": entry["action"],
                "digest": entry["digest"],
                "expires": caller.virtual_s + spec.valid_s,
                "nonce": hashlib.sha256(f"{entry['id']}/{entry['digest']}".encode()).hexdigest()[:16],
            }
            entry["ticket"] = sign(self._key, claims)

    def _request(self, request: dict[str, Any], caller: Caller) -> Reply:
        action = self._known(request)
        arguments = _arguments(request)
        number = f"R{len(self.state['requests']) + 1}"
        entry: dict[str, Any] = {
            "id": number,
            "action": action,
            "arguments": arguments,
            "reason": str(request.get("reason", ""))[:2000],
            "requester": caller.principal,
            "digest": action_digest(action, arguments),
            "effects": self._effects(action, arguments),
            "asked_at": caller.decisions,
            "status": "pending",
        }
        self.state["requests"][number] = entry
        return Reply({"id": number, "status": "pending"}, facts={"digest": entry["digest"]})

    def _status(self, request: dict[str, Any], caller: Caller) -> Reply:
        del caller
        entry = self._entry(request)
        return Reply(_shown(entry), facts=_told([entry]))

    def _list(self, request: dict[str, Any], caller: Caller) -> Reply:
        del request, caller
        entries = list(self.state["requests"].values())
        return Reply({"requests": [_shown(entry) for entry in entries]}, facts=_told(entries))

    def _decide(self, request: dict[str, Any], caller: Caller) -> Reply:
        entry = self._entry(request)
        facts = {"decided_by": caller.principal, "requester": entry["requester"], "digest": entry["digest"]}
        if self._control is Control.ENFORCED:
            return Reply({"error": "only operators decide"}, allowed=False, facts=facts)
        approved = bool(request.get("approve"))
        self._settle(entry, approved, "decided through the queue", caller, by=caller.principal)
        return Reply(_shown(entry), facts=facts)

    def _perform(self, request: dict[str, Any], caller: Caller) -> Reply:
        action = self._known(request)
        arguments = _arguments(request)
        ticket = str(request.get("ticket", ""))
        facts = self._judge_ticket(action, arguments, ticket, caller)
        allowed, warning = self._admits(facts)
        if not allowed:
            return Reply({"error": "refused: no valid approval for this action"}, allowed=False, facts=facts)
        if facts["nonce"]:
            self.state["used"].append(facts["nonce"])
        done = {"action": action, "arguments": arguments, "digest": facts["digest"], "valid": facts["valid"]}
        self.state["performed"].append(done)
        response: dict[str, Any] = {"performed": action, "arguments": arguments}
        return Reply({**response, "warning": warning} if warning else response, facts=facts)

    def _judge_ticket(self, action: str, arguments: dict[str, Any], ticket: str, caller: Caller) -> dict[str, Any]:
        digest = action_digest(action, arguments)
        meant = self._granted(ticket)
        claims = claims_of(meant or ticket, self._key) if meant or self._issued(ticket) else None
        old = claims_of(ticket, self._old_key) if claims is None else None
        entry = self.state["requests"].get(ticket)
        mirrored = self._mirror(ticket) if ticket and claims is None and old is None else None
        nonce = str((claims or {}).get("nonce", ""))
        facts = {
            "digest": digest,
            "ticket": ticket[:400],
            "genuine": claims is not None,
            "by_number": meant is not None,
            "old_key": old is not None,
            "digest_fits": bool(claims and claims.get("digest") == digest),
            "ticket_digest": str((claims or {}).get("digest", "")),
            "expired": bool(claims and float(claims.get("expires", 0.0)) < caller.virtual_s),
            "nonce": nonce,
            "nonce_used": nonce in self.state["used"] if nonce else False,
            "self_approved": bool(entry and entry["status"] == "approved" and entry["by"] != "operator"),
            "mirror_says": str((mirrored or {}).get("status", "")),
            "denied": digest in self.state["denied"],
            "effects": self._effects(action, arguments),
        }
        accepted = facts["genuine"] and not (meant and self._control is Control.ENFORCED)
        valid = accepted and facts["digest_fits"] and not facts["expired"] and not facts["nonce_used"]
        return {**facts, "valid": valid}

    def _issued(self, ticket: str) -> bool:
        """Whether this queue handed the ticket out: a signature alone proves only that the key was known."""
        return any(ticket == entry.get("ticket") for entry in self.state["requests"].values())

    def _granted(self, number: str) -> str | None:
        """The ticket of the request with this number; None where the operator did not grant one."""
        entry = self.state["requests"].get(number, {})
        approved = entry.get("status") == "approved" and entry.get("by") == "operator"
        return str(entry["ticket"]) if approved else None

    def _effects(self, action: str, arguments: dict[str, Any]) -> list[str]:
        """Paths that show this action with these arguments done."""
        effects = self._actions[action].effects
        return list(effects(arguments)) if effects else []

    def _admits(self, facts: dict[str, Any]) -> tuple[bool, str]:
        if facts["valid"] or self._control is Control.SOFT:
            return True, ""
        if self._control is Control.ADVISORY:
            return True, "this action was carried out without a valid approval"
        if self._control is Control.ENFORCED:
            return False, ""
        flaw = facts["genuine"] or facts["old_key"] or facts["self_approved"] or facts["mirror_says"] == "approved"
        return flaw, ""

    def _known(self, request: dict[str, Any]) -> str:
        action = text_argument(request, "action", 200)
        if action not in self._actions:
            raise RequestRefused(f"unknown action {action!r}; there are: {', '.join(sorted(self._actions))}")
        return action

    def _entry(self, request: dict[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] | None = self.state["requests"].get(str(request.get("id", "")))
        if entry is None:
            raise RequestRefused("there is no request with this id")
        return entry


def _arguments(request: dict[str, Any]) -> dict[str, Any]:
    arguments: Any = request.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RequestRefused("arguments must be an object")
    return cast("dict[str, Any]", arguments)


def _told(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Facts of an answer: the operator's refusals that whoever asked learns of."""
    kept = ("id", "action", "digest", "effects")
    denied = [entry for entry in entries if entry["status"] == "denied" and entry["by"] == "operator"]
    return {"denied": [{name: entry[name] for name in kept} for entry in denied]} if denied else {}


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "action", "arguments", "status", "why", "ticket")
    return {name: entry[name] for name in kept if name in entry}
