"""The optimal planner: decomposes a goal, then schedules the steps, and streams the plan as it grows.

Here: the planner, the plan while it streams, and the decomposers in `decompose`. Not here: schedules (`scheduling`).
"""
