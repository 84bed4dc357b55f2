"""Machines: real sshd (loopback or network namespaces), faults on the line, supervisors, hosts for shells.

Real: sshd, sh, perl, the network stack; some of it takes root.
Costs: two seconds a fleet, nothing for a host that is a shell of this machine.
"""
