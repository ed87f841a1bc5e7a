"""Workflows to run, read and copy: `hello` in a minute, `molecules` on real chemistry."""
