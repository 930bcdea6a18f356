"""Steps of the dialplan that announce a call to another door, and ask how it went."""
