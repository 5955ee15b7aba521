"""The student and its training: rows to an adapter, and whether the adapter is any better.

Nothing heavy is imported before it is used: ``import distill`` needs no torch.
"""

from distill.config import LoraConfig, TrainConfig, TrainingPlan, read_lora, read_training
from distill.errors import DistillError
from distill.evaluate import Paired, by_category, mcnemar, paired, pass_at_k, regressions
from distill.example import Example
from distill.export import Merged, merge
from distill.filter_config import Filters, read_filters
from distill.filters import Filtered, run_filters
from distill.formats import read_examples, rows, write_examples, write_jsonl
from distill.gate import Decision, gate
from distill.preview import mask_preview
from distill.statistics import Statistics
from distill.student import Generation, Student, base_digest
from distill.trainer import TrainEvent, TrainingRecord, train

__all__ = [
    "Decision",
    "DistillError",
    "Example",
    "Filtered",
    "Filters",
    "Generation",
    "LoraConfig",
    "Merged",
    "Paired",
    "Statistics",
    "Student",
    "TrainConfig",
    "TrainEvent",
    "TrainingPlan",
    "TrainingRecord",
    "base_digest",
    "by_category",
    "gate",
    "mask_preview",
    "mcnemar",
    "merge",
    "paired",
    "pass_at_k",
    "read_examples",
    "read_filters",
    "read_lora",
    "read_training",
    "regressions",
    "rows",
    "run_filters",
    "train",
    "write_examples",
    "write_jsonl",
]
