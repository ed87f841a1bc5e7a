"""A goal in natural language, decomposed by an LLM and served by real chemistry and small tools."""
