"""The staff pages and the webhooks: read the request, call the domain, answer."""
