"""A goal in plain words, decomposed by an LLM, served by simulated agents: what slow planning looks like."""
