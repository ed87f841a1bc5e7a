"""Expressions in CEL, the Common Expression Language: parsed, type-checked and evaluated within bounds.

Conditions are true or false. Other expressions make values, which inputs are bound to.

A reference is written as in a binding: ``$steps.triage.label == "refund" && $inputs.amount < 100``.
"""
