# SPDX-License-Identifier: BSD-3-Clause
#
# Resp.pm - requests and replies of RESP, and how t/resp/*.session spell them.
#
#	> SET k "a b" EX 10	words, sent as an array; quotes keep spaces and
#				make an empty word
#	< +OK			replies, one or more on a line:
#	< *3 "a" _ :1		"..." is a bulk of these bytes
#	< -ERR syntax error	an error is all of its line; a last `*` as in
#				any session: anything may follow
#	>| PING\r\n		bytes as they are
#	! resp2, ! resp3	the test is for one version only
#
# Replies are written as RESP3 has them, and a test is played in both
# versions. In RESP2 a null is $-1 (`_*`: *-1), a map of n pairs an array of
# 2n, a set or push an array, #t and #f are :1 and :0, a double is a bulk.
package Cairn::Resp;

use strict;
use warnings;

use Carp qw(croak);

my $TOKEN = qr/"(?:\\.|[^"\\])*"|(?:\{[^}]*\}|[^\s"])+/;

# Words as an array of bulk strings.
sub
request
{
	return join '', '*', scalar @_, "\r\n", map { bulk($_) } @_;
}

sub
bulk
{
	my ($bytes) = @_;

	return '$' . length($bytes) . "\r\n$bytes\r\n";
}

# The parts of a line; quotes are kept.
sub
tokens
{
	my ($text) = @_;

	return $text if $text =~ /^[-+(]/;
	croak("cannot read '$text'") if $text !~ /^\s*($TOKEN\s*)*$/;
	return $text =~ /$TOKEN/g;
}

# The words of a request, without the quotes.
sub
words
{
	my ($text) = @_;

	return map { /^"(.*)"$/s ? $1 : $_ } $text =~ /$TOKEN/g;
}

# Is this a line of replies, rather than of bytes?
sub
is_reply
{
	my ($text) = @_;

	return $text =~ /^(?:"|_|[:,#+%~>]|\*\d|\$-1|-[A-Z])/ &&
	    ($text =~ /(^|\s)_\*$/ || $text !~ /(?<!\\)\*$/);
}

# A token as bytes; `expand` replaces its escapes.
sub
reply
{
	my ($token, $version, $expand) = @_;

	return bulk($expand->($1)) if $token =~ /^"(.*)"$/s;
	return $expand->($token) . "\r\n" if $token =~ /^[-+]/;
	$token = as_resp2($token) if $version == 2;
	$token = '_' if $token eq '_*';
	return bulk($1) if $token =~ /^bulk (.*)$/;
	return $expand->($token) . "\r\n";
}

sub
as_resp2
{
	my ($token) = @_;

	return '$-1' if $token eq '_';
	return '*-1' if $token eq '_*';
	return '*' . 2 * $1 if $token =~ /^%(\d+)$/;
	return "*$1" if $token =~ /^[~>](\d+)$/;
	return ':' . ($1 eq 't' ? 1 : 0) if $token =~ /^#([tf])$/;
	return "bulk $1" if $token =~ /^,(.*)$/;
	return $token;
}

# The next reply of a connection: a text, undef for a null, or an array; a push
# is an array whose first element is '>' and the name of the push.
sub
read_reply
{
	my ($client) = @_;
	my $line = $client->line;
	my ($type, $rest) = $line =~ /^(.)(.*)/s or croak("odd reply '$line'");

	return undef if $type eq '_' || ($type =~ /[*\$]/ && $rest == -1);
	if ($type =~ /[\$=]/) {
		my $bytes = $client->exactly($rest + 2);
		return substr $bytes, $type eq '=' ? 4 : 0, -2;
	}
	return $type =~ /[:,#]/ ? $rest : $line if $type !~ /[*~>%]/;
	my @parts = map { read_reply($client) } 1 .. $rest *
	    ($type eq '%' ? 2 : 1);
	$parts[0] = ">$parts[0]" if $type eq '>';
	return \@parts;
}

# Send words, and read the reply.
sub
call
{
	my ($client, @words) = @_;

	$client->send(request(@words));
	return read_reply($client);
}

# Let the connection speak RESP3.
sub
hello
{
	my ($client) = @_;

	$client->send(request('HELLO', '3') . request('ECHO', 'hello fence'));
	$client->until(bulk('hello fence'));
}

1;
