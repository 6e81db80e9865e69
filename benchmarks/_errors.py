"""What can go wrong with a peer, drawn under the sandbox's errors.

::

    sandbox.SandboxError
    └── PeerError                (also RuntimeError)      a peer is not there, cannot be installed, or broke off
"""

from ..sandbox import SandboxError


class PeerError(SandboxError, RuntimeError):
    """A peer is not there, cannot be installed, or broke off; nothing is measured against it then."""

    remedy = "offswitch bench without --peers"
