"""Between a decoded request and the session: where the model runs, who waits, and which requests run together."""
