"""offhook: a low-latency voice-agent engine for Asterisk."""

__version__ = "0.1.0"
