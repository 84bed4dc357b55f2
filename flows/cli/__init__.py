"""What the `miyabi` command does, a module a command. Heavy imports happen inside the functions."""
