"""The scheduling problem in whole numbers: steps, modes, capacities, and how a plan request becomes one.

Here: what every scheduler reads. Not here: any search for a schedule.
"""
