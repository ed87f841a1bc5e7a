"""Progress, matching, verdicts, the gate, the run state machine and the journal. Pure but for `actor` and `journal`."""
