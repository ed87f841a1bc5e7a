"""Optimal schedules with OR-Tools CP-SAT: anytime, with a bound and a gap.

Here: the model, the solver, bounds and the search budget. Not here: schedules without a solver (`list_scheduling`).
"""
