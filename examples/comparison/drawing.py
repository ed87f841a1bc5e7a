"""Draw molecules as images that are embedded in a page."""

import base64
from typing import Any

_SIZE = (190, 130)


def drawing(smiles: str) -> str:
    """The structure as a ``data:`` URL of an SVG image, drawn by RDKit."""
    from rdkit import Chem  # noqa: PLC0415 - only reports with molecules need the extra chem
    from rdkit.Chem.Draw import rdMolDraw2D  # noqa: PLC0415

    canvas = rdMolDraw2D.MolDraw2DSVG(*_SIZE)
    options: Any = canvas.drawOptions()
    options.clearBackground = False
    options.padding = 0.12
    options.fixedBondLength = 34
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, Chem.MolFromSmiles(smiles))
    canvas.FinishDrawing()
    return "data:image/svg+xml;base64," + base64.b64encode(canvas.GetDrawingText().encode()).decode()
