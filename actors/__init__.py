"""What hosts agents: the agent contract, kinds of agent, host actors, killable Ray tasks, provider limits."""
