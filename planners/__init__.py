"""The vocabulary (task, workflow, step, agent spec, plan, cluster) and the making of plans. Pure: no Ray, no I/O."""
