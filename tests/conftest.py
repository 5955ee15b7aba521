"""Tests ask their solvers: no answer of an earlier test stands in for one."""

from __future__ import annotations

import os

os.environ["JUDGE_ANSWERS"] = "off"
