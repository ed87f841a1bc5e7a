"""The kinds of agent: how each is declared, checked, run and stopped. Nothing outside this package tests a kind.

Kind ``x`` is the module ``x_agent``, which defines ``KIND``; see `actors.kinds.kind.Kind`. A new kind is a module here
and a member of `planners.agents.AgentKind`. Not here: when an attempt may start (`admission`) and where (`executor`).
"""
