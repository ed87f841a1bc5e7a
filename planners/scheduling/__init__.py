"""Scheduling: assign each step of a workflow an agent, a node and a start time.

`problem` turns a plan request into integers; `list_scheduling` solves it in milliseconds, `cp_sat` optimally.
Not here: choosing the steps themselves (`planners.optimal.decompose`) or checking a task (`planners.validation`).
"""
