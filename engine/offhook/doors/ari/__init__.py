"""Calls that Asterisk gives to a Stasis application: control by ARI, the audio through another door."""
