"""Checkpoints of LangGraph graphs on SQLite or PostgreSQL (extra ``langgraph``)."""
