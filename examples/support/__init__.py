"""Answers a customer: a route, look-ups side by side, a critic in a loop, and a reply that a person approves."""
