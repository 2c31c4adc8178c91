"""Looks whether the gate could work, from settings to scope, and says what to mend."""
