"""Getting in and staying in: second factors, passkeys, sessions on other devices."""
