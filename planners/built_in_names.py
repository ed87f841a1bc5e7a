"""Names that Forerun itself uses: of the agents that a run plays, which are also their capabilities, and in ids."""

WAIT, APPROVAL, CALLBACK = "forerun.wait", "forerun.approval", "forerun.callback"
# The nodes that a node joins form a fan-out; its id is this prefix and the id of the joining node.
JOIN = "join:"
# A node that only nodes read which join it, with what only it needs, is a fan-out of one element.
SHARED = "shared:"
