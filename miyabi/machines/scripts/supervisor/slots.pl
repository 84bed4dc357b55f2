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

sub take_slot {    # under the lock: never a session more than slots, and none with the number of another
    my ($slots) = @_;
    my %held = map { $_ => 1 } holders();
    unlink map { "$root/slots/$_" } grep { !$held{$_} } entries("$root/slots");
    refuse(69, keys(%held) . " of $slots slots are taken by: @{[sort keys %held]}") if keys %held >= $slots;
    my %taken = map { slurp("$root/sessions/$_/slot") => 1 } keys %held;    # those of earlier builds have none
    my ($number) = grep { !$taken{$_} } 0 .. $slots - 1;
    put("$dir/slot", $number) or cannot("write $dir/slot");
}

sub require_open {    # where somebody has taken the machine out, only what has begun is joined
    my ($until, $why) = split /\n/, slurp("$root/cordon");
    return if !defined $until || $until !~ /^\d+$/ || ($until && time >= $until);
    refuse(71, 'it takes no session: ' . ($why || 'cordoned'));
}

sub require_room {    # MiB of free disk and of available memory; what cannot be found out refuses nobody
    my ($disk, $memory) = @_;
    my $free = $disk ? free() : '-';
    refuse(71, sprintf 'it takes no session: %d MiB of its disk are free, of at least %d', $free / 1024, $disk)
        if $free ne '-' && $free < 1024 * $disk;
    my $available = $memory ? available_memory() : undef;
    return unless defined $available;
    my @young = grep { ((stat "$root/sessions/$_/slot")[9] || 0) > time - 60 } holders();    # with what they need to come
    my $needed = $memory * (1 + @young);
    refuse(71, "it takes no session: $available MiB of memory are available, of at least $needed") if $available < $needed;
}

sub available_memory {    # in MiB, as /proc of Linux or vm_stat of macOS says it
    return slurp('/proc/meminfo') =~ /^MemAvailable:\s+(\d+)/m ? int $1 / 1024 : undef if -e '/proc/meminfo';
    open my $vm, '-|', 'vm_stat 2>/dev/null' or return;
    my ($page, $pages) = (0, 0);
    while (<$vm>) {
        $page = $1 if /page size of (\d+)/;
        $pages += $1 if /^Pages (?:free|inactive|speculative|purgeable):\s+(\d+)/;
    }
    return $page ? int $page * $pages / 2**20 : undef;
}

sub slot_and_port {    # the number of this session's slot, and the first of the 20 ports that are its own
    my $number = slurp("$dir/slot") || 0;
    return ($number, 20000 + 20 * $number);
}
