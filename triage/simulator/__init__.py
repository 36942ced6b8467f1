"""A pretend carrier: Twilio's API, signed webhooks and phones to type on, in a process of its own."""
