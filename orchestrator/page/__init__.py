"""The web page served at `/`: HTML, CSS and JavaScript modules without a build step, and how they are read.

Here: what a browser loads. Not here: the routes that serve it (`ingress`) and the data it shows (the API).
"""
