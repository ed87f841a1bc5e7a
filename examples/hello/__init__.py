"""A first workflow: greet several people in parallel, then write one card."""
