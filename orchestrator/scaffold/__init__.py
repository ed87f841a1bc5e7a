"""A small project to start from: what `forerun init` writes. The files are in ``files``, as they are written."""
