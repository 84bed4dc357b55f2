"""Water Spider's domain: DAGs, machines, sessions, code on its way. It has never heard of Prefect."""
