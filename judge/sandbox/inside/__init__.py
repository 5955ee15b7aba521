"""What runs on the other side of the border: the fork server and the candidate's own process.

Nothing of this package is imported by the judge; it is started as a program (see ``bootstrap``)
with a cleaned environment, and only the standard library is at hand.
"""
