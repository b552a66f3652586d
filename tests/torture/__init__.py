"""
What a collector must survive, as code: each scenario runs a real one and counts what was lost.

A scenario is a module with ``run(folder, rounds) -> Outcome`` and the numbers of rounds ``SHORT``, for the tests, and
``FULL``. The first line of its docstring says what is tried.
"""

DISK = ("power", "kills", "points", "errors", "full", "readers")
WIRE = ("hostile", "mutations", "clock", "overload")
SCENARIOS = DISK + WIRE  # in the order they are run
