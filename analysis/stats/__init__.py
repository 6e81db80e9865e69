"""Pure numbers: intervals, clusters, tests. They know nothing of episodes."""

from ._clusters import Clusters
from ._estimate import Estimate

__all__ = ["Clusters", "Estimate"]
