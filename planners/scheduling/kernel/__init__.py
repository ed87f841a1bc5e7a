"""Placing steps on nodes as plain loops over arrays, in a form that numba compiles.

Here: the same schedules as those of `list_scheduling.partial_schedule`, and the compilation. Uncompiled, these
functions give the same results, slowly: Python's classes answer until the kernel is compiled, or without numba.
"""
