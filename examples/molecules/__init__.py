"""Rank molecules by HOMO-LUMO gap with RDKit, xTB and PySCF: the demo's real workload. Needs the extra `chem`."""
