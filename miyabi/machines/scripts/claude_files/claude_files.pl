#!/usr/bin/perl
# Memory and scratch files go at once, transcripts and what belongs to them when nobody has touched them for a while.
#
# CONFIG/projects/NAME/  ID.jsonl ID/ memory   NAME: the folder that the session began in, as name_of() writes it
# CONFIG/{file-history,session-env,tasks}/ID, CONFIG/todos/ID-*, CONFIG/debug/ID.txt, SCRATCH/NAME
#
# Two folders can have one name, so the name alone proves nothing: a transcript says where its session began.
# Claude's own record of all projects, .claude.json, is shared and being written: it stays as it is.
use strict;
use warnings;

my ($ws, $config, $scratch, $run, $keep_seconds, @tasks) = @ARGV;
my @homes = map { "$ws/$_" } qw(worktrees checkouts);
my $longest_name = 200;
my $looked_at = 1 << 20;    # bytes of a transcript, the first
my $id = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my @left;

sub entries { my ($folder) = @_; opendir my $h, $folder or return; return grep { !/^\.\.?$/ } readdir $h }

sub written {    # every character that is no ASCII letter or digit is a dash; those beyond the BMP are two
    my ($path) = @_;
    utf8::decode($path);
    my @units = map { $_ > 0xffff ? (0xd800 + (($_ - 0x10000) >> 10), 0xdc00 + ($_ & 0x3ff)) : $_ } unpack 'U*', $path;
    return (join('', map { $_ < 128 && chr =~ /[A-Za-z0-9]/ ? chr : '-' } @units), @units);
}

sub name_of {    # what claude calls a folder; a long name ends with a hash
    my ($name, @units) = written(@_);
    return $name if length $name <= $longest_name;
    my ($hash, $digits) = (0, '');
    $hash = (31 * $hash + $_) & 0xffffffff for @units;
    $hash = (~$hash + 1) & 0xffffffff if $hash & 0x80000000;
    do { $digits = substr('0123456789abcdefghijklmnopqrstuvwxyz', $hash % 36, 1) . $digits; $hash = int $hash / 36 } while $hash;
    return substr($name, 0, $longest_name) . "-$digits";
}

sub began_in {    # the folder that a transcript tells first, undef where it tells none
    my ($path) = @_;
    open my $file, '<', $path or return;
    read $file, my ($text), $looked_at;
    return unless $text =~ /"cwd"\s*:\s*"((?:[^"\\]|\\.)*)"/;
    (my $folder = $1) =~ s/\\(.)/$1/g;
    return $folder;
}

sub checkout {    # of ours that a folder is or lies in, '' where it is none
    my ($folder) = @_;
    for (@homes) { return "$_/$1" if $folder =~ m{^\Q$_\E/([^/]+/[^/]+)(?:/|$)} }
    return '';
}

sub scrap {
    for my $path (@_) {
        next unless -e $path || -l $path;
        system 'rm', '-rf', '--', $path;
        push @left, $path if -e $path || -l $path;
    }
}

sub is_ours {    # whether all of a project is of sessions whose checkout is gone
    my ($name, $begun_in) = @_;
    my %checkouts = map { checkout($_) => 1 } @$begun_in;
    return !$checkouts{''} && !grep { -e } keys %checkouts if %checkouts;
    for my $task (@tasks) {    # it has no transcript
        for ("worktrees/$run/$task", "checkouts/$run/$task/$task") { return 1 if $name eq name_of("$ws/$_") && !-e "$ws/$_" }
    }
    return 0;
}

sub clear {    # a project's folder
    my ($name) = @_;
    my $project = "$config/projects/$name";
    scrap("$project/memory", "$scratch/$name", map { "$_/claude-cli-nodejs/$name" } caches());
    for my $entry (entries($project)) {
        next unless $entry =~ /^($id)(?:\.jsonl(?:\.old)?)?$/ && time - (stat "$project/$entry")[9] >= $keep_seconds;
        next if $entry eq $1 && -e "$project/$1.jsonl";
        scrap("$project/$entry", "$project/$1", map { "$config/$_/$1" } qw(file-history session-env tasks));
        scrap("$config/debug/$1.txt", map { "$config/todos/$_" } grep { /^\Q$1\E-/ } entries("$config/todos"));
    }
    rmdir $project;
}

sub caches { return map { "$ENV{HOME}/$_" } '.cache', 'Library/Caches' }

my @beginnings = map { substr +(written("$_/"))[0], 0, $longest_name } @homes;
for my $name (entries("$config/projects")) {
    my $project = "$config/projects/$name";
    next if -l $project || !grep { index($name, $_) == 0 } @beginnings;
    my @told = map { began_in("$project/$_") } grep { /\.jsonl(?:\.old)?$/ } entries($project);
    clear($name) if is_ours($name, \@told);
}
for my $mirror (grep { /\.git$/ } entries("$ws/repos")) {    # linked worktrees of one repository share their memory
    next if entries("$ws/repos/$mirror/worktrees");
    my $project = "$config/projects/" . name_of("$ws/repos/$mirror");
    scrap("$project/memory") unless -l $project;
    rmdir $project;
}
if (@left) { print STDERR "miyabi: cannot remove $left[0]\n"; exit 74 }
