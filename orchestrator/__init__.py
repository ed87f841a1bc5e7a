"""The service: settings, HTTP API, client, command line, metrics, and the wiring of all parts on Ray.

Here: what joins the other packages into a product. Not here: policy (`reconciler`) and planning (`planners`).
"""
