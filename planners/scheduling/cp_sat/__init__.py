"""Optimal schedules with OR-Tools CP-SAT: anytime, with a bound and a gap.

Here: the model, the solver, bounds and budgets. Not here: heuristics that need no solver (`list_scheduling`).
"""
