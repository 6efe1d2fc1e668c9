"""Fine-tuning of text models on a person's corrections, on encodings that are kept."""
