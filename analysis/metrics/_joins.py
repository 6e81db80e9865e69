"""From one table to another, by run and episode."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._prepared import Prepared, Rows, prepared
from .._units import episode_keys

Floats = NDArray[np.float64]
Keys: TypeAlias = "pd.Index[Any]"


def keys_of(rows: Prepared) -> Keys:
    """Run and episode of each row as one label."""
    return episode_keys(rows.frame("run_id", "episode_id"))


def number_of(episodes: Rows, name: str, keys: Keys) -> Floats:
    """A number of the table of episodes for each of these; NaN for one that is not there."""
    rows = prepared(episodes)
    found = pd.Series(rows.number(name), index=keys_of(rows))
    return np.asarray(found[~found.index.duplicated()].reindex(keys), dtype=np.float64)
