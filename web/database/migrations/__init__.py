"""How the console's tables came to be: one module for each step, never edited after release."""
