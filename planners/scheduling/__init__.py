"""Placing the steps of a workflow: which agent, on which node, when. List schedulers and CP-SAT over one problem."""
