"""What the engine records, retries and limits."""
