"""Slots as Prefect's global concurrency limits: their leases, kept on disk, and what crashed before is reconciled."""

from tasks.concurrency.client import fast_retrying_client, retry_fast
from tasks.concurrency.cordons import CordonStore, cordon_store, keep_cordons
from tasks.concurrency.leases import Lease, LeaseFile, Leases
from tasks.concurrency.limits import Sessions, SlotLimits, Taken, few_retries, machines_taken_out, without_retries
from tasks.concurrency.reconcile import keep_reconciled, keep_taken_out

__all__ = [
    "CordonStore",
    "Lease",
    "LeaseFile",
    "Leases",
    "Sessions",
    "SlotLimits",
    "Taken",
    "cordon_store",
    "fast_retrying_client",
    "few_retries",
    "keep_cordons",
    "keep_reconciled",
    "keep_taken_out",
    "machines_taken_out",
    "retry_fast",
    "without_retries",
]
