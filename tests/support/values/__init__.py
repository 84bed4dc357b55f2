"""Values: DAGs, results, milestones, runs that have ended. Nothing is started."""
