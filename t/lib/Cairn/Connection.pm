# SPDX-License-Identifier: BSD-3-Clause
#
# Connection.pm - one client's side of a connection, with time limits.
#
# The socket is non-blocking. send() also reads what arrives meanwhile, so
# a long pipeline cannot block both sides; post() does not read, for clients
# that mean to be bad. Everything that waits dies when the limit has passed.
package Cairn::Connection;

use strict;
use warnings;

use Carp qw(croak);
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(IPPROTO_TCP TCP_NODELAY SHUT_WR);
use Time::HiRes qw(time);

my $CHUNK = 1 << 18;

sub
new
{
	my ($class, $socket, $timeout) = @_;

	setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1
	    if !$socket->isa('IO::Socket::UNIX');
	$socket->blocking(0);
	binmode $socket;
	return bless { socket => $socket, timeout => $timeout, input => '',
	    eof => 0, select => IO::Select->new($socket) }, $class;
}

# A connection to HOST:PORT or the path of a unix socket.
sub
to
{
	my ($class, $address, $timeout) = @_;
	my $socket = $address =~ m{/} ? IO::Socket::UNIX->new(Peer => $address)
	    : IO::Socket::IP->new(PeerAddr => $address);

	croak("cannot connect to $address: $! $@") if !$socket;
	return $class->new($socket, $timeout // 10);
}

sub
socket
{
	my ($self) = @_;

	return $self->{socket};
}

# Bytes for a message: escaped and not too many.
sub
show
{
	my ($bytes) = @_;
	my $length = length $bytes;

	$bytes = substr($bytes, 0, 150) . '...' . substr($bytes, -50)
	    if $length > 220;
	$bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	$bytes =~ s/\\x0d/\\r/g;
	$bytes =~ s/\\x0a/\\n/g;
	return "'$bytes'" . ($length > 220 ? " ($length bytes)" : '');
}

sub
would_block
{
	return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
}

# Take in what has arrived. An error counts as the end of the connection.
sub
pull
{
	my ($self) = @_;
	my $n = sysread $self->{socket}, $self->{input}, $CHUNK,
	    length $self->{input};

	return if !defined $n && would_block();
	$self->{eof} = 1 if !$n;
	$self->{error} = $! if !defined $n;
}

sub
write_all
{
	my ($self, $bytes, $reading) = @_;
	my $offset = 0;
	my $give_up = time + $self->{timeout};

	while ($offset < length $bytes) {
		my $n = syswrite $self->{socket}, $bytes, $CHUNK, $offset;
		if (defined $n) {
			$offset += $n;
			$give_up = time + $self->{timeout};
			next;
		}
		return $offset if !would_block();
		croak("sent $offset of " . length($bytes) .
		    ' bytes, then the server stopped reading')
		    if time > $give_up;
		my ($readable) = IO::Select->select(
		    $reading && !$self->{eof} ? $self->{select} : undef,
		    $self->{select}, undef, 0.25);
		$self->pull if $readable && @$readable;
	}
	return $offset;
}

# Send all of it; returns how many bytes went out before the server closed.
sub
send
{
	my ($self, $bytes) = @_;

	return $self->write_all($bytes, 1);
}

# The same, reading nothing meanwhile.
sub
post
{
	my ($self, $bytes) = @_;

	return $self->write_all($bytes, 0);
}

# Send as much as the kernel takes now; returns how many bytes that was.
sub
post_some
{
	my ($self, $bytes) = @_;

	return syswrite($self->{socket}, $bytes) // 0;
}

sub
finish_sending
{
	my ($self) = @_;

	shutdown $self->{socket}, SHUT_WR;
}

# Wait for more input; dies after the time limit, naming $what.
sub
more
{
	my ($self, $what, $give_up) = @_;

	my $left = $give_up - time;
	croak("no $what after $self->{timeout} s, only " .
	    show($self->{input})) if $left <= 0;
	$self->pull if $self->{select}->can_read($left);
}

sub
ended
{
	my ($self, $what) = @_;

	croak("connection closed before $what, after " . show($self->{input}));
}

# One line, without its \r\n.
sub
line
{
	my ($self) = @_;
	my $bytes = $self->until("\n");

	$bytes =~ s/\r?\n\z//;
	return $bytes;
}

sub
lines
{
	my ($self, $count) = @_;

	return map { $self->line } 1 .. $count;
}

# Everything up to and with the mark.
sub
until
{
	my ($self, $mark) = @_;
	my $give_up = time + $self->{timeout};
	my $from = 0;
	my $at;

	while (($at = index $self->{input}, $mark, $from) < 0) {
		$from = length($self->{input}) - length $mark;
		$from = 0 if $from < 0;
		$self->ended(show($mark)) if $self->{eof};
		$self->more(show($mark), $give_up);
	}
	return substr $self->{input}, 0, $at + length $mark, '';
}

# Exactly that many bytes.
sub
exactly
{
	my ($self, $count) = @_;
	my $give_up = time + $self->{timeout};

	while (length $self->{input} < $count) {
		my $before = length $self->{input};
		$self->ended("$count bytes") if $self->{eof};
		$self->more("$count bytes", $give_up);
		$give_up = time + $self->{timeout}
		    if length $self->{input} > $before;
	}
	return substr $self->{input}, 0, $count, '';
}

# All that comes until the server closes.
sub
until_close
{
	my ($self) = @_;
	my $give_up = time + $self->{timeout};

	while (!$self->{eof}) {
		$self->more('close', $give_up);
	}
	my $bytes = $self->{input};
	$self->{input} = '';
	return $bytes;
}

# What is here within so many seconds, perhaps nothing.
sub
within
{
	my ($self, $seconds) = @_;
	my $give_up = time + $seconds;

	while (!$self->{eof} && (my $left = $give_up - time) > 0) {
		$self->pull if $self->{select}->can_read($left);
	}
	my $bytes = $self->{input};
	$self->{input} = '';
	return $bytes;
}

# True if the server closes within the limit and says nothing more.
sub
closed
{
	my ($self, $seconds) = @_;
	my $rest = $self->within($seconds // $self->{timeout});

	$self->{input} = $rest;
	return $self->{eof} && $rest eq '';
}

# Send a request and read one line of reply.
sub
ask
{
	my ($self, $request) = @_;

	$self->send("$request\r\n");
	return $self->line;
}

# Store a value; the reply line.
sub
set
{
	my ($self, $key, $value, $flags, $exptime) = @_;

	$self->send(sprintf "set %s %d %d %d\r\n%s\r\n", $key, $flags // 0,
	    $exptime // 0, length $value, $value);
	return $self->line;
}

# The value of a key with flags 0, or undef. Dies when the reply is something
# else.
sub
get
{
	my ($self, $key) = @_;

	return $self->get_with_flags($key, 0);
}

# The same for a key with flags.
sub
get_with_flags
{
	my ($self, $key, $flags) = @_;

	$self->send("get $key\r\n");
	my $line = $self->line;
	return undef if $line eq 'END';
	croak('odd reply to get: ' . show($line))
	    if $line !~ /^VALUE \Q$key\E $flags (\d+)$/;
	my $value = $self->exactly($1);
	my $rest = $self->exactly(7);
	croak('odd end of a value: ' . show($rest)) if $rest ne "\r\nEND\r\n";
	return $value;
}

sub
close
{
	my ($self) = @_;

	close $self->{socket};
}

1;
