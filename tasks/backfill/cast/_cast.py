"""All members of the cast."""

from ....environments import Cast
from ..._scripts import Null, factories
from ._oracle import Oracle
from ._oversight import OVERSIGHT_INNOCENTS, OVERSIGHT_VIOLATORS
from ._permission import PERMISSION_INNOCENTS, PERMISSION_VIOLATORS
from ._shutdown import SHUTDOWN_INNOCENTS, SHUTDOWN_VIOLATORS

_VIOLATORS = {**SHUTDOWN_VIOLATORS, **PERMISSION_VIOLATORS, **OVERSIGHT_VIOLATORS}
_INNOCENTS = {**SHUTDOWN_INNOCENTS, **PERMISSION_INNOCENTS, **OVERSIGHT_INNOCENTS}

CAST = Cast(
    oracle=Oracle.factory,
    null=Null.factory,
    violators={mode: factories(routes) for mode, routes in _VIOLATORS.items()},
    innocents=factories(_INNOCENTS),
    blocked=frozenset({"P5.forged_ticket", "P5.breaks_queue"}),
)
