"""A goal in natural language, decomposed by an LLM and served by simulated agents: an example of slow planning."""
