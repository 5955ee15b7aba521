"""The machinery of the two formal teachers: terms, search, solver, and the child they run in.

Nothing here is public; ``teachers.synthesis`` and ``teachers.enumeration`` are the teachers.
"""

__all__: list[str] = []
