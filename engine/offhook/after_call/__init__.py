"""What happens when a call is over: a summary, messages to other programs and people, done at least once."""
