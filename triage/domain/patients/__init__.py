"""Patients, their numbers, their consent and the members who look after them."""
