"""Federated learning as a workflow: rounds are turns of a loop, clients are agents, stragglers are left to a quorum."""
