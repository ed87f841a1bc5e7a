"""The scheduling problem in integers: steps, modes, node groups and shared limits, built from a plan request.

Here: what every scheduler reads. Not here: any search for a schedule.
"""
