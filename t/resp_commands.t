#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_commands.t - what COMMAND INFO says of a call is what redis-server 7.0
# says of it: arity, flags, where its keys are, classes, and parts.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $redis = Cairn::find_redis();
plan skip_all => 'no redis-server here' if !$redis;

# Flags that are about machinery of Redis, and are not told here.
my $TOLD = qr/^(?:write|readonly|admin|pubsub|fast|blocking)$/;

# Known to be otherwise here.
my %otherwise = (
	(map { $_ => 'of no class that reads, so it has no flag' }
	    qw(eval_ro evalsha_ro)),
	'debug' => 'a call with parts, which has no flags',
	'wait' => 'nothing is waited for: not blocking',
);

my %ours = commands(undef);
my %theirs = commands($redis);
cmp_ok(keys %ours, '>', 100, 'our calls were found');

my @both = grep { $theirs{$_} } sort keys %ours;
cmp_ok(@both, '>', 100, 'many are those of Redis');
for my $name (@both) {
	next if $otherwise{$name};
	is($ours{$name}, $theirs{$name}, "$name is as in Redis");
}
for my $class (qw(keyspace read string dangerous connection)) {
	my @listed = listed($class);

	is_deeply(\@listed, [sort grep { $ours{$_} =~ /\@$class / }
	    keys %ours], "ACL CAT $class lists what is of it");
}
done_testing;

# Each call, and each part of one, with what is said of it in a line.
sub
commands
{
	my ($program) = @_;
	my $server = Cairn->start($program ? (program => $program) : ());
	my $client = $server->connect;
	my %said;

	$client->send(Cairn::Resp::request('COMMAND'));
	note_command($_, \%said) for @{reply($client)};
	$server->stop;
	return %said;
}

sub
note_command
{
	my ($command, $said) = @_;
	my ($name, $arity, $flags, $first, $last, $step, $classes, undef,
	    undef, $parts) = @$command;

	$said->{$name} = join ' ', $arity, (sort grep { /$TOLD/ } @$flags),
	    "$first-$last/$step", (sort @$classes), '';
	note_command($_, $said) for @$parts;
}

sub
listed
{
	my ($class) = @_;
	my $server = Cairn->start;
	my $client = $server->connect;

	$client->send(Cairn::Resp::request('ACL', 'CAT', $class));
	my $names = reply($client);
	$server->stop;
	return sort @$names;
}

# A reply as nested lists.
sub
reply
{
	my ($client) = @_;
	my $head = $client->line;

	return [map { reply($client) } 1 .. $1] if $head =~ /^\*(\d+)/;
	return substr($client->exactly($1 + 2), 0, -2)
	    if $head =~ /^\$(\d+)/;
	return $head =~ s/^[+:]//r;
}
