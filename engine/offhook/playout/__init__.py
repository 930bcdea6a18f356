"""What the caller is sent: utterances and the files that they are played from."""
