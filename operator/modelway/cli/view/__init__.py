"""Pure: what the API server holds, in the words and shapes in which people look at it. No I/O, no clock."""
