"""Conditions in CEL, the Common Expression Language: parsed, type-checked and evaluated within bounds.

A reference is written as in a binding: ``$steps.triage.label == "refund" && $inputs.amount < 100``.
"""
