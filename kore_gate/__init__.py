"""The gate that stops a bad Kore.ai bot from shipping."""

__version__ = "0.1.0"
