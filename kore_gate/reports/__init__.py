"""What is told in files."""
