"""Patients from a file: read it, try it, write what differs in chunks, and take it back within a day."""
