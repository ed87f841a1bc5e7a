"""`forerun doctor`: is everything there that the service needs?

Here: checks that change nothing and say what to do. Not here: how findings are printed (`cli`).
"""
