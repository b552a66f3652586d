"""
What a collector must survive, as code: each scenario runs a real one and counts what was lost.

A scenario is a module with ``run(folder, rounds) -> Outcome`` and the numbers of rounds ``SHORT``, for the tests, and
``FULL``. The first line of its docstring says what is tried.
"""

SCENARIOS = (
    "power",
    "kills",
    "points",
    "errors",
    "full",
    "hostile",
    "mutations",
    "clock",
    "overload",
)  # fmt: skip - in the order they are run
