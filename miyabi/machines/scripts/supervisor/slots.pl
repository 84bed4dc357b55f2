#!/usr/bin/perl
# The slots of this machine: who holds one, and the refusal of one session too many.
use strict;
use warnings;

sub holders {    # sessions that hold a slot
    return grep {
        my $r = record("$root/slots/$_");
        !ended($_) && (supervised($r) || orphaned($r, $_));
    } entries("$root/slots");
}

sub lock_machine {    # by the kernel: whoever dies gives it back
    open my $lock, '>>', "$root/lock" or cannot("open $root/lock");
    local $SIG{ALRM} = sub { refuse(75, "$root/lock was held by somebody else for 20 s") };
    alarm 20;
    flock $lock, 2 or cannot("lock $root/lock");
    alarm 0;
    return $lock;
}

sub require_free_slot {    # under the lock: never a session more than slots
    my ($slots) = @_;
    my %held = map { $_ => 1 } holders();
    unlink map { "$root/slots/$_" } grep { !$held{$_} } entries("$root/slots");
    refuse(69, keys(%held) . " of $slots slots are taken by: @{[sort keys %held]}") if keys %held >= $slots;
}
