"""Kore.ai in a box.

`kore.Simulator` is one function from request to response with the state of jobs behind it; `server.Server` puts it on
a port; `scenarios.SCENARIOS` names the ways a pipeline can end. What Kore.ai documents is said as documented (the
tests hold it against the published samples); what no page shows, above all failures, is made up in the same style.
"""
