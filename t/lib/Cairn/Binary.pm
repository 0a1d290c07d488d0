# SPDX-License-Identifier: BSD-3-Clause
#
# Binary.pm - packets of the binary protocol, for clients of tests.
#
# A request is a hash: op (a name or a number), key, value, cas, opaque; the
# extras as bytes, or as the numbers that the op takes: flags, exptime, delta,
# initial. A reply is a hash of op (a number), status, extras, key, value, cas,
# opaque.
package Cairn::Binary;

use strict;
use warnings;

use Carp qw(croak);

my $HEADER = 24;

my %CODE = (
    get => 0x00, set => 0x01, add => 0x02, replace => 0x03, delete => 0x04,
    incr => 0x05, decr => 0x06, quit => 0x07, flush => 0x08, getq => 0x09,
    noop => 0x0a, version => 0x0b, getk => 0x0c, getkq => 0x0d,
    append => 0x0e, prepend => 0x0f, stat => 0x10, setq => 0x11,
    addq => 0x12, replaceq => 0x13, deleteq => 0x14, incrq => 0x15,
    decrq => 0x16, quitq => 0x17, flushq => 0x18, appendq => 0x19,
    prependq => 0x1a, touch => 0x1c, gat => 0x1d, gatq => 0x1e,
    mechs => 0x20, auth => 0x21, step => 0x22, gatk => 0x23, gatkq => 0x24,
);

sub
code
{
	my ($op) = @_;

	return $CODE{$op} // ($op =~ /^\d+$/ ? $op : croak("no opcode $op"));
}

# The arguments that the op takes.
sub
extras
{
	my ($request) = @_;
	my ($op, $exptime) = ($request->{op}, $request->{exptime});

	return $request->{extras} if defined $request->{extras};
	return pack 'NN', $request->{flags} // 0, $exptime // 0
	    if $op =~ /^(set|add|replace)q?$/;
	return pack 'Q>Q>N', $request->{delta} // 1,
	    $request->{initial} // 0, $exptime // 0
	    if $op =~ /^(incr|decr)q?$/;
	return pack 'N', $exptime // 0 if $op =~ /^(touch|gatk?q?)$/;
	return pack 'N', $exptime if $op =~ /^flushq?$/ && defined $exptime;
	return '';
}

sub
packet
{
	my (%request) = @_;
	my $extras = extras(\%request);
	my ($key, $value) = ($request{key} // '', $request{value} // '');
	my $body = "$extras$key$value";

	return pack('CCnCCnNNQ>', 0x80, code($request{op}), length $key,
	    length $extras, 0, 0, length $body, $request{opaque} // 0,
	    $request{cas} // 0) . $body;
}

# The next reply to a Cairn::Connection.
sub
reply
{
	my ($client) = @_;
	my $header = $client->exactly($HEADER);
	my ($magic, $op, $key, $extras, $type, $status, $body, $opaque,
	    $cas) = unpack 'CCnCCnNNQ>', $header;

	croak('odd header: ' . Cairn::Connection::show($header))
	    if $magic != 0x81 || $type != 0 || $key + $extras > $body;
	my $bytes = $client->exactly($body);
	return {
		op => $op, status => $status, opaque => $opaque, cas => $cas,
		extras => substr($bytes, 0, $extras),
		key => substr($bytes, $extras, $key),
		value => substr($bytes, $extras + $key),
	};
}

# Send a request; the reply to it.
sub
ask
{
	my ($client, %request) = @_;

	$client->send(packet(%request));
	return reply($client);
}

# Replies up to that of a no-op, which is sent now and not among them.
sub
until_noop
{
	my ($client) = @_;
	my @replies;

	$client->send(packet(op => 'noop', opaque => 0xfeedfeed));
	while ((my $reply = reply($client))->{opaque} != 0xfeedfeed) {
		push @replies, $reply;
	}
	return @replies;
}

# A group of statistics as a hash.
sub
stats
{
	my ($client, $group) = @_;
	my %stats;

	$client->send(packet(op => 'stat', key => $group // ''));
	while ((my $reply = reply($client))->{key} ne '') {
		$stats{$reply->{key}} = $reply->{value};
	}
	return \%stats;
}

1;
