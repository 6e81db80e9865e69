"""The Safety & Preparedness report, restricted to loss of control.

::

    preparedness("runs/first", Format.MARKDOWN, profiles=[load_profile("meta-aasf")])
    data = load("runs/first")
    recompute(json.loads(text)["numbers"][0], data)     # the same number, from the tables
"""

from ._measures import MEASURES, Context
from ._numbers import recompute
from ._write import Format, preparedness

__all__ = ["MEASURES", "Context", "Format", "preparedness", "recompute"]
