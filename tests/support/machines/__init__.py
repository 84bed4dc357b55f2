"""Machines: real sshd (loopback or network namespaces), faults on the line, supervisors, hosts for shells.

Real: sshd, sh, perl, the network stack. Costs: two seconds a fleet.
"""
