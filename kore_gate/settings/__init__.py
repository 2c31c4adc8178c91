"""Settings: the table of options, where values come from, how their text is parsed, and what must not be shown."""
