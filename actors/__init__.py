"""Agents: how they are declared, and how Ray runs their attempts.

Here: the agent contract, kinds of agent, executors, admission limits, outputs. Not here: which agent does a step, when
and why (planners and reconciler).
"""
