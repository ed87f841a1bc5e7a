"""The Model Context Protocol server (extra ``mcp``): workflows and capabilities as tools, on the ingress's address."""
