"""What runs behind the pages."""
