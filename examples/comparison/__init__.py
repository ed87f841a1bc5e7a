"""Run a task in several modes and compare the runs: figures, a table, an HTML report."""
