"""Host-side services: approval queue, operator, mailbox."""

from ._approvals import Approvals, action_digest, claims_of, sign
from ._mailbox import Mailbox
from ._operator import KINDS, Operator

__all__ = ["KINDS", "Approvals", "Mailbox", "Operator", "action_digest", "claims_of", "sign"]
