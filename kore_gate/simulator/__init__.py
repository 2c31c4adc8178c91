"""A simulator of Kore.ai: what its documentation shows is answered as documented; errors without a sample are made up.

`service.Simulator` turns requests into responses, `server.Server` puts it on a port, `scenarios.SCENARIOS` names the
ways a pipeline can end.
"""
