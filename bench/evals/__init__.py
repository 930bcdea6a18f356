"""What others measure voice agents by, on our audio: ``python -m bench.evals``."""
