"""The names of the agents that a run itself plays, which are their capabilities, too, and what ids begin with."""

WAIT, APPROVAL, CALLBACK = "forerun.wait", "forerun.approval", "forerun.callback"
# The id of the fan-out that the nodes form which a node joins: this, and the id of the node.
JOIN = "join:"
