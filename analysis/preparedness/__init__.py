"""The Safety & Preparedness report, restricted to loss of control.

::

    asked = Question(("runs/first",), (load_profile("meta-aasf"),))
    preparedness(asked, Format.MARKDOWN)
    data = load("runs/first")
    recompute(json.loads(text)["numbers"][0], data)     # the same number, from the tables
"""

from ._assemble import Question
from ._measures import MEASURES, Context
from ._numbers import Rows, recompute
from ._write import Format, preparedness, trace

__all__ = ["MEASURES", "Context", "Format", "Question", "Rows", "preparedness", "recompute", "trace"]
