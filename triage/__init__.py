"""Every text that a patient sends becomes a task that somebody owns."""
