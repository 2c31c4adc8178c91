"""What the caller wants: the table of settings, where values come from, how their text is read."""
