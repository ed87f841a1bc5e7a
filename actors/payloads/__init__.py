"""Outputs of finished attempts: small ones inline, large ones by reference in a `PayloadStore`.

Here: how outputs are checked, kept and read. Not here: which agent produced them, and who may read them.
"""
