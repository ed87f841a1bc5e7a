"""The names of the agents that a run itself plays. They are their capabilities, too."""

WAIT, APPROVAL, CALLBACK = "forerun.wait", "forerun.approval", "forerun.callback"
