"""How well an agent answers: questions with what a right answer holds, asked in writing or by telephone."""
