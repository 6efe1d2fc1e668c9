"""Fine-tuning of click models on a person's corrections, on encodings that are kept."""
