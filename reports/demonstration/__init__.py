"""The demonstration county: invented people and places, made by the same actions that pages call.

`build(stage)` fills an empty county: about 1,200 cadres in 54 units, 19 bases, a first session of the size of a real one that is
closed with its record and results, and a second session at the stage asked for. No chance: dates follow from today alone.
"""

from reports.demonstration.county import STAGES, build

__all__ = ["STAGES", "build"]
