"""A simulator of Kore.ai: it answers as the documentation shows; errors without a sample are made up."""
