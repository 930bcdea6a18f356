"""What happened: traces, metrics, transcripts, and how busy the machine is."""
