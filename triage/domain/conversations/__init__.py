"""Conversations, the messages in them, and how a text leaves."""
