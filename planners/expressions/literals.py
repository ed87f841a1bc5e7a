"""Text literals and comments of CEL, as patterns that also hold in verbose regular expressions."""

TEXT = (
    r"""(?:[bB]?[rR][bB]?(?:"[^"]*"|'[^']*')"""
    r"""|[bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
)
COMMENT = r"""//[^\n]*"""
