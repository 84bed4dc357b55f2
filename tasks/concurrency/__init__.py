"""Slots as Prefect's global concurrency limits: their leases, kept on disk, and what crashed before is reconciled."""
