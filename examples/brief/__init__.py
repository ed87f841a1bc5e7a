"""Profiles of competitors side by side, of which some may be late or missing, and a brief of those that came."""
