"""Why: what is known about the cause of an incident, in one document.

What happened to a version is told as *facts* (`facts`), each with the event time at which it was known. A *diary* (`diary`)
holds them until the clock has passed them, as incidents hold looks, so that every run has learned the same by the same time.
Of these, and of what the checks found, an *explanation* is made (`explain`): suspects, segments, other changes, and rows from
either side (`rows`).
"""

from monitor_stream.judge.why.diary import Diary
from monitor_stream.judge.why.explain import Moved, Scene, explain
from monitor_stream.judge.why.facts import Changed, Fact, Losses, Sampled

__all__ = ["Changed", "Diary", "Fact", "Losses", "Moved", "Sampled", "Scene", "explain"]
