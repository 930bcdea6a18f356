"""Pipecat (BSD-2) as a peer: ``python -m bench.peers.pipecat``."""
