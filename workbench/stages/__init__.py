"""The stages of a round, one file each, and the state machine over them.

Each stage is a function over a store: it does only what is missing, keeps what it did before it
goes on, and tells a listener about it. Importing this package loads none of them; the pure
selection rule in particular can be imported alone.
"""

__all__: list[str] = []
