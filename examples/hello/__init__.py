"""The smallest workflow worth running: greet everybody at once, then sign one card."""
