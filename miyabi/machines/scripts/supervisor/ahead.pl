#!/usr/bin/perl
# A set-up that is begun ahead, before the first session of its task has a slot. It is kept as number 0 of the task's
# sessions, but it holds no slot, and has the number and the ports of none.
#
# Two are never in one checkout: it begins under the lock under which sessions begin, and not once one of the task has,
# also after a request that was lost on its way; and a session waits for its end before its own set-up.
use strict;
use warnings;

sub set_up_ahead {
    my ($seconds, $size) = @words;
    refuse(64, 'ahead RUN.TASK.0 SECONDS SETUP_BYTES') if @words != 2 || $id !~ /\.0$/ || grep { !/^\d+(\.\d+)?$/ } @words;
    require POSIX;
    make_folders();
    stage(parts(0, 0, 0, $size));
    my ($lock, $task) = (lock_machine(), $id =~ /^(.*\.)0$/);
    if (!-e "$dir/claim") {
        my ($begun) = grep { /^\Q$task\E[1-9]\d*$/ && -e "$root/sessions/$_/claim" } entries("$root/sessions");
        refuse(70, "session $begun has begun") if $begun;
        launch_supervisor($lock, sub { keep_awake(); finish(0, 'itself', '-') if set_up($seconds) });
    }
    close $lock;
    print line($id, free());
}

sub ahead {    # the set-up that was begun ahead of this session; nothing where none was
    my ($task) = $id =~ /^(.*\.)[1-9]\d*$/ or return;
    return -e "$root/sessions/${task}0/claim" ? "${task}0" : ();
}

sub end_of_ahead {    # waited for. Where it was this very set-up and failed, that counts: its exit status, what ended it
    my $ahead = ahead() or return;
    my ($s, $grace);
    clock();    # await_signal needs what it loads
    while (($s = look($ahead))->{state} eq 'running') {
        for (1 .. 60) {    # for three seconds: without /proc a look is a process
            my $asked = stop_asked();
            ask($ahead, $s, $grace = $asked) if defined $asked;
            await_signal(0.05);
            last if !-e "$root/sessions/$ahead/hold";
        }
    }
    end_tree(leader($s), 10, marks($ahead)) if $s->{state} =~ /orphan|lost/;
    return (143, 'stop') if defined $grace;
    my ($setup, $log) = map { slurp("$root/sessions/$ahead/$_") } qw(setup setup.log);
    return if $setup ne slurp("$dir/setup") || $s->{how} !~ /^(?:itself|setup)/;
    put("$dir/setup.log", $log);
    return $s->{how} =~ /^setup/ ? @$s{qw(rc how)} : ();
}

sub end_ahead {    # where no session waits for it
    my ($grace, $until) = @_;
    my $ahead = ahead() or return;
    my $s = ask_to_end($ahead, $grace, $until);
    end_tree(leader($s), $grace, marks($ahead)) if $s->{state} =~ /orphan|lost/;
}
