"""Days and times as people say them, into values: read language by language, settled without guessing."""
