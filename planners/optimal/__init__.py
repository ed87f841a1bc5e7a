"""The optimal planner: decomposes a goal, schedules its steps, and streams the plan as it grows.

Here: the planner, its streaming plan, and the decomposers in `decompose`. Not here: the schedulers (`scheduling`) and
the guess that runs meanwhile (`speculative`).
"""
