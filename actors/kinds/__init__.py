"""The kinds of agent, one module each: how it is declared, where it runs, how it is cancelled.

Here: everything that depends on the kind of an agent. Not here: when an attempt may start (`admission`).
"""
