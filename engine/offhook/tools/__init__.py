"""What an agent can do besides talk: tools, where they come from, and how they are run."""
