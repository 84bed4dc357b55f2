"""What an operator edits in the Prefect UI."""
