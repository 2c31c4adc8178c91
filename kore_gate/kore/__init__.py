"""What is Kore.ai's: its wire format, its tokens, its limits."""
