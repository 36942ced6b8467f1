"""What the product means: no web framework, queue or carrier in here."""
