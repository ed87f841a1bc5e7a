"""Steps that share facts by key, and two agents that talk while they write."""
