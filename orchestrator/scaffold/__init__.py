"""A runnable start for a new project: what `forerun init` writes. The files are in ``files``, as they are written."""
