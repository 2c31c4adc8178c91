"""A simulator of Kore.ai: what its documentation shows is answered as documented; errors without a sample are made up."""
