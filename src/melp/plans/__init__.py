"""Plans: whole experiments, from the pretraining of many models to tables, resumed where they stopped."""

from melp.plans.read import list_plans, read_plan
from melp.plans.run import bench
from melp.plans.schema import Plan

__all__ = ["Plan", "bench", "list_plans", "read_plan"]
