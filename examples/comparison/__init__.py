"""The same task run in several modes, and how they compare: figures, a table, a page."""
