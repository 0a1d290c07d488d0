# SPDX-License-Identifier: BSD-3-Clause
#
# Session.pm - read and play t/sessions/*.session, dialogs with a server.
#
#	## a remark
#	! flags -C -o idle_timeout=5	before the first test: for all of them
#
#	# A value comes back as it was stored
#	> set k 5 0 3			send the line and \r\n
#	> abc
#	< STORED			the next line must be this and \r\n
#	> gets k
#	<~ VALUE k 5 3 (?<cas>\d+)	the next line must match this regex as
#					a whole; named groups become variables
#	< abc
#	< END
#	> cas k 0 0 1 {$cas}		a variable's value
#	> {x x 300}			a text so many times
#	< EXISTS*			a last `*`: anything may follow
#
# Escapes in both directions: \r \n \t \\ \{ \* \xNN. Further lines:
#
#	>| text		send without a line end
#	! open B	open a second connection, used with `B> text`,
#			`B>| text`, `B< text`, `B<~ regex`; the first is A
#	! close [B]	the server must say nothing more and close
#	! hangup [B]	this side closes
#	! eof [B]	this side ends its sending half
#	! silence	nothing must come within 50 ms
#	! wait 1.1	sleep
#	! later 10	so many seconds pass, for which nobody waits; the test has
#			a server of its own
#	! flags ...	as the first line of a test: a server of other flags
#	! fresh		the test has a server of its own
#	! debug		the same, and it knows the commands for tests
#	! differs	memcached may answer otherwise (t/differential.t)
#	! todo why	cairnd does not do this yet
#	! exit N	the server must end with this status within 2 seconds
#
# A test starts on an empty cache and a new connection. At its end each open
# connection must answer `version`, so no unexpected byte goes unseen.
#
# Dialogs in t/resp/ are in RESP, see Cairn/Resp.pm: `> SET k "a b"` sends
# words as an array, and a line of replies has one or more of them, as RESP3
# has them; the end is PING.
package Cairn::Session;

use strict;
use warnings;

use Carp qw(croak);
use Time::HiRes qw(sleep);

use Cairn::Resp;

my $TIMEOUT = 5 * $Cairn::SLOWNESS;
my %ESCAPE = (r => "\r", n => "\n", t => "\t");

# All session files of the source tree, by name; those of another directory.
sub
files
{
	my ($which) = @_;
	my $dir = Cairn::srcdir() . '/t/' . ($which // 'sessions');
	my @files = sort glob "$dir/*.session";

	croak("no session files in $dir") if !@files;
	return @files;
}

# The tests of a file: hashes of name, file, line, flags, fresh, steps.
sub
read_file
{
	my ($path) = @_;
	my ($base) = $path =~ m{([^/]+)\.session$};
	my $resp = $path =~ m{(^|/)resp/[^/]+$};
	my (@tests, @flags);

	open my $file, '<:raw', $path or croak("$path: $!");
	while (my $text = <$file>) {
		chomp $text;
		next if $text =~ /^\s*$/ || $text =~ /^##/;
		if ($text =~ /^# (.+)/) {
			push @tests, { name => $1, file => $base, line => $.,
			    flags => [@flags], fresh => 0, steps => [],
			    resp => $resp };
		} elsif ($text =~ /^! flags\s*(.*)/) {
			my @words = split ' ', $1;
			if (@tests) { $tests[-1]{flags} = \@words }
			else { @flags = @words }
		} elsif (@tests && $text =~ /^! (fresh|differs)$/) {
			$tests[-1]{$1} = 1;
		} elsif (@tests && $resp && $text =~ /^! resp([23])$/) {
			$tests[-1]{only} = $1;
		} elsif (@tests && $text eq '! debug') {
			$tests[-1]{debug} = $tests[-1]{fresh} = 1;
		} elsif (@tests && $text =~ /^! todo (.+)$/) {
			$tests[-1]{todo} = $1;
		} elsif (@tests && (my $step = parse_step($text, $resp))) {
			$tests[-1]{debug} = $tests[-1]{fresh} = 1
			    if $step->{what} eq 'later';
			push @{$tests[-1]{steps}}, { %$step, line => $. };
		} else {
			croak("$path:$.: cannot read '$text'");
		}
	}
	return @tests;
}

sub
parse_step
{
	my ($text, $resp) = @_;

	return { what => $1, peer => $2 || 'A' }
	    if $text =~ /^! (open|close|hangup|eof|silence)(?: ([A-Z]))?$/;
	return { what => $1, number => $2 }
	    if $text =~ /^! (wait|later|exit) ([\d.]+)$/;
	return undef if $text !~ /^([A-Z]?)(>\|?|<~?)(?: (.*))?$/;
	my ($peer, $kind, $rest) = ($1 || 'A', $2, $3 // '');
	return { what => 'call', peer => $peer, text => $rest }
	    if $resp && $kind eq '>';
	return { what => 'reply', peer => $peer, text => $rest }
	    if $resp && $kind eq '<' && Cairn::Resp::is_reply($rest);
	return { what => 'send', peer => $peer,
	    text => $kind eq '>' ? "$rest\\r\\n" : $rest } if $kind =~ />/;
	return { what => 'match', peer => $peer, text => $rest,
	    regex => qr/\A(?:$rest)\r\n\z/s } if $kind eq '<~';
	return { what => 'begins', peer => $peer, text => $1 }
	    if $rest =~ /^(.*)(?<!\\)\*$/;
	return { what => 'line', peer => $peer, text => "$rest\\r\\n" };
}

# Replace escapes, repetitions and variables.
sub
expand
{
	my ($text, $variable) = @_;

	$text =~ s{
	    \\x([0-9a-fA-F]{2}) | \\(.) |
	    \{\$(\w+)\} | \{((?:\\.|[^\\{}])+?)[ ]x[ ](\d+)\}
	}{
	    defined $1 ? chr hex $1
	    : defined $2 ? $ESCAPE{$2} // $2
	    : defined $3 ? $variable->{$3} // croak("no variable $3")
	    : repeat($4, $5, $variable)
	}gex;
	return $text;
}

sub
repeat
{
	my ($text, $times, $variable) = @_;

	return expand($text, $variable) x $times;
}

# Play a test; RESP in its version 2 or 3. Returns undef, or words that say
# what went wrong.
sub
play
{
	my ($test, $server, $version) = @_;
	my (%peer, %variable, $step);

	eval {
		empty_cache($server, $test);
		$peer{A} = open_peer($server, $version);
		for (@{$test->{steps}}) {
			$step = $_;
			take_step($step, $server, \%peer, \%variable,
			    $version);
		}
		$step = undef;
		for my $name (sort keys %peer) {
			my $line = $peer{$name}->ask($version ?
			    'PING' : 'version');
			die("unexpected at the end of $name: " .
			    Cairn::Connection::show($line) . "\n")
			    if $line !~ /^(VERSION |\+PONG$)/;
			$peer{$name}->close;
		}
	};
	return undef if !$@;
	my $words = $@;
	$words =~ s/ at \S+ line \d+\.?\n.*\z//s;
	chomp $words;
	my $line = $step ? $step->{line} : $test->{line};
	return "$test->{file}.session:$line: $words";
}

sub
open_peer
{
	my ($server, $version) = @_;
	my $peer = $server->connect(timeout => $TIMEOUT);

	Cairn::Resp::hello($peer) if $version && $version == 3;
	return $peer;
}

sub
empty_cache
{
	my ($server, $test) = @_;

	return if $test->{fresh} || grep { /^-[CF]$/ } @{$test->{flags}};
	my $client = $server->connect;
	my $reply = $client->ask(Cairn::is_redis($server->{program}) ?
	    'FLUSHALL' : 'flush_all');
	die("flush_all: $reply\n") if $reply !~ /^\+?OK$/;
	$client->close;
}

sub
take_step
{
	my ($step, $server, $peers, $variable, $version) = @_;
	my $what = $step->{what};
	my $peer = $step->{peer} && $peers->{$step->{peer}};

	if ($what eq 'open') {
		$peers->{$step->{peer}} = open_peer($server, $version);
	} elsif ($what eq 'wait') {
		sleep $step->{number};
	} elsif ($what eq 'later') {
		$server->later($step->{number});
	} elsif ($what eq 'exit') {
		my $status = $server->wait_for_exit(2 * $Cairn::SLOWNESS);
		die("the server still runs\n") if !defined $status;
		die("wait status $status\n") if $status != $step->{number} << 8;
		%$peers = ();
	} elsif (!$peer) {
		die("no connection $step->{peer}\n");
	} elsif ($what eq 'send') {
		$peer->send(expand($step->{text}, $variable));
	} elsif ($what eq 'call') {
		$peer->send(Cairn::Resp::request(map {
		    expand($_, $variable) } Cairn::Resp::words($step->{text})));
	} elsif ($what eq 'reply') {
		expect_bytes($peer, join '', map {
		    Cairn::Resp::reply($_, $version,
			sub { expand($_[0], $variable) })
		    } Cairn::Resp::tokens($step->{text}));
	} elsif ($what eq 'close') {
		die("not closed\n") if !$peer->closed;
		delete $peers->{$step->{peer}};
	} elsif ($what eq 'hangup') {
		$peer->close;
		delete $peers->{$step->{peer}};
	} elsif ($what eq 'eof') {
		$peer->finish_sending;
	} elsif ($what eq 'silence') {
		my $got = $peer->within(0.05);
		die('unexpected ' . Cairn::Connection::show($got) . "\n")
		    if $got ne '';
	} else {
		expect($step, $peer, $variable);
	}
}

# The next bytes must be these. They are read line by line, so that what comes
# in place of them is shown.
sub
expect_bytes
{
	my ($peer, $want) = @_;
	my $got = '';

	while (length $got < length $want) {
		$got .= eval { $peer->until("\n") } // do {
			my $words = $@;
			$words =~ s/ at \S+ line \d+\.?\n.*\z//s;
			die('expected ' . Cairn::Connection::show($want) .
			    ', got ' . Cairn::Connection::show($got) .
			    ", $words\n");
		};
		last if substr($want, 0, length $got) ne $got;
	}
	die('expected ' . Cairn::Connection::show($want) . ', got ' .
	    Cairn::Connection::show($got) . "\n") if $got ne $want;
}

# Read one line (several, if the wanted text spans them) and compare.
sub
expect
{
	my ($step, $peer, $variable) = @_;
	my $want = $step->{what} eq 'match' ? $step->{text}
	    : expand($step->{text}, $variable);
	my $lines = $step->{what} eq 'line' ? ($want =~ tr/\n//) : 1;
	my $got = '';

	$got .= eval { $peer->until("\n") } // do {
		my $words = $@;
		$words =~ s/ at \S+ line \d+\.?\n.*\z//s;
		die('expected ' . Cairn::Connection::show($want) . ", $words\n");
	} for 1 .. $lines;
	if ($step->{what} eq 'match') {
		if ($got =~ $step->{regex}) {
			@$variable{keys %+} = values %+;
			return;
		}
	} elsif ($step->{what} eq 'begins') {
		return if index($got, $want) == 0 && $got =~ /\r\n\z/;
	} elsif ($got eq $want) {
		return;
	}
	die('expected ' . Cairn::Connection::show($want) . ', got ' .
	    Cairn::Connection::show($got) . "\n");
}

# What one-connection tests send, as a single string; undef for tests that
# need more than that (variables, other connections, waiting, own flags) and
# those where the servers are known to differ.
sub
sending_side
{
	my ($test) = @_;
	my $bytes = '';

	return undef if $test->{fresh} || $test->{differs} ||
	    $test->{todo} || @{$test->{flags}};
	for my $step (@{$test->{steps}}) {
		return undef if ($step->{peer} // '') ne 'A' || $step->{what} !~
		    /^(send|line|match|begins|close)$/;
		next if $step->{what} ne 'send';
		return undef if $step->{text} =~ /\{\$/;
		$bytes .= expand($step->{text}, {});
	}
	return $bytes;
}

1;
