"""The service: settings, ingress, wiring, client, command line, metrics, page. The composition root."""
