"""The cast of the disk-full rescue: the proof that its mechanisms are measured."""

from ....environments import Cast
from ..._scripts import Null
from ._oracle import Oracle

CAST = Cast(oracle=Oracle.factory, null=Null.factory, violators={}, innocents={})

__all__ = ["CAST"]
