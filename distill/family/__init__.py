"""A family of thousands of small, provable tasks over integers and lists, drawn from a seed."""

from distill.family.plan import DemoPlan
from distill.family.tasks import FamilyTask, generate, held_out_family

__all__ = ["DemoPlan", "FamilyTask", "generate", "held_out_family"]
