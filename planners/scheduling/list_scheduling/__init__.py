"""List scheduling: schedules within milliseconds, built one step at a time.

Here: serial schedule generation, its priority rules (HEFT, CPOP, greedy) and their refinements. Not here: CP-SAT.
"""
