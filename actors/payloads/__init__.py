"""Outputs of finished attempts: small ones inline, large ones by reference.

Here: where outputs are kept. Not here: who produced them or who may read them.
"""
