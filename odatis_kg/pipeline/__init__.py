"""The way through, stage by stage: harvest, map, enrich, check, release.

What must stay true: one bad file or record never stops a run; a run killed at any instant leaves the release before it in
place; a run that finds nothing new publishes nothing.
"""
