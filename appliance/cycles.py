"""How often a process looks for cycles among its objects (Python's ``gc``).

A role makes and forgets millions of small objects without a cycle among them: a hundred for each
event. Python's default is to look at the young ones after every 700 that are new, and again and
again at everything that the role has loaded, which took up to a quarter of its time.
"""

import gc

YOUNG_OBJECTS = 20_000
"""New objects between two looks at the young ones."""
OLDER_EVERY = 20
"""How many looks at one generation make for a look at the next older one."""


def look_seldom() -> None:
    """For the rest of this process: look for cycles less often than Python does by itself."""
    gc.set_threshold(YOUNG_OBJECTS, OLDER_EVERY, OLDER_EVERY)


def keep_what_is_loaded() -> None:
    """Never again look at what there is by now: modules, settings, rules."""
    gc.collect()
    gc.freeze()
