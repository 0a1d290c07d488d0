# SPDX-License-Identifier: BSD-3-Clause
#
# Cairn.pm - start a server, talk to it, stop it: what every t/*.t builds on.
#
#	my $server = Cairn->start(flags => ['-m', '64'], unix => 1);
#	my $client = $server->connect;
#	$client->send("get a\r\n");
#	is($client->line, 'END');
#	is($server->stop, 0);
#
# A server is cairnd of the build (top_builddir), or the one that the
# environment variable CAIRN_SERVER names: CAIRN_SERVER=memcached runs a test
# against the reference. CAIRN_FLAGS has more flags for every cairnd: how the
# suite runs with `-o drop_privileges`, say. Ports are ephemeral, files live in a temporary
# directory, and END kills what a test has left behind, so tests run in
# parallel. A connection lives in Cairn::Connection; whatever waits there
# dies after a time limit with words that say what it waited for.
package Cairn;

use strict;
use warnings;

use Carp qw(croak);
use File::Spec;
use File::Temp;
use IO::Socket::INET;
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Cairn::Connection;

# Everything takes longer in a build with a sanitizer (`make check` says so in
# the environment).
our $SLOWNESS = $ENV{CAIRN_TEST_SLOWNESS} || ($ENV{sanitize} ? 5 : 1);
our $TIMEOUT = 10 * $SLOWNESS;
our $SCRIPT_TIMEOUT = 300 * $SLOWNESS;

my %running;		# pid => server, of this process
my $owner = $$;

# A test that is told to end, or takes too long, ends by way of END.
for my $signal (qw(INT TERM HUP)) {
	$SIG{$signal} = sub { exit 1 };
}
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub {
	print STDERR "# no end after $SCRIPT_TIMEOUT s, giving up\n";
	exit 1;
};
alarm $SCRIPT_TIMEOUT;

END {
	if ($$ == $owner) {
		my $status = $?;
		kill_group($_) for values %running;
		$? = $status;
	}
}

sub
srcdir
{
	return $ENV{top_srcdir} || '.';
}

sub
builddir
{
	return $ENV{top_builddir} || '.';
}

# Where a program of the PATH (or of the usual places) is, or undef.
sub
find_program
{
	my ($name) = @_;

	for my $dir (File::Spec->path, qw(/usr/local/bin /usr/bin /bin)) {
		return "$dir/$name" if -f "$dir/$name" && -x _;
	}
	return undef;
}

# The program under test.
sub
server_program
{
	my $name = $ENV{CAIRN_SERVER} || builddir() . '/cairnd';

	return $name =~ m{/} ? File::Spec->rel2abs($name)
	    : find_program($name) || croak("no program $name");
}

# The same with the commands for tests: t/cairnd-debug of the build.
sub
debug_program
{
	return $ENV{CAIRN_SERVER} ? server_program()
	    : File::Spec->rel2abs(builddir() . '/t/cairnd-debug');
}

# True when the program under test is the reference, memcached, which lacks
# our own flags.
sub
is_reference
{
	my ($program) = @_;

	return ($program // server_program()) =~ m{(^|/)memcached[^/]*$};
}

# The same for Redis, the reference for RESP.
sub
is_redis
{
	my ($program) = @_;

	return ($program // server_program()) =~ m{(^|/)redis-server$};
}

# Where Redis is, of the version that we answer like; or undef.
sub
find_redis
{
	my $program = find_program('redis-server');

	return $program && `$program --version` =~ / v=7\.0\./ ?
	    $program : undef;
}

# A directory that the server may write too, whoever it runs as.
sub
scratch
{
	my $dir = File::Temp->newdir('cairn-test-XXXXXX', TMPDIR => 1);

	chmod 0777, "$dir";
	return $dir;
}

# Flags a server needs to run at all under this account.
sub
account_flags
{
	return $> == 0 ? ('-u', 'nobody') : ();
}

# Start a server and wait until it listens. Takes
#	program		path (default: the program under test)
#	debug		true: with the commands for tests, see later()
#	flags		reference to a list of flags
#	unix		true: listen on a unix socket in place of TCP
#	listen		address for -l (default 127.0.0.1; '' for no -l)
#	port		port for -p (default -1)
#	env		reference to a hash, added to the environment
#	wrapper		reference to a list of words put before the program
sub
start
{
	my ($class, %option) = @_;
	my $self = $class->launch(%option);

	$self->wait_until_listening;
	return $self;
}

# The same without the wait.
sub
launch
{
	my ($class, %option) = @_;
	my $self = bless {
		program => $option{program} || ($option{debug} ?
		    debug_program() : server_program()),
		flags => $option{flags} || [],
		unix => $option{unix},
		option => \%option,
		dir => scratch(),
	}, $class;

	croak("no program $self->{program}: build it first")
	    if !-x $self->{program};
	my @command = ($self->{program}, account_flags(), @{$self->{flags}});
	push @command, split ' ', $ENV{CAIRN_FLAGS} // ''
	    if !is_reference($self->{program});
	if (is_redis($self->{program})) {
		$self->{port} = $option{port} || free_port();
		@command = ($self->{program}, '--port', $self->{port},
		    '--bind', '127.0.0.1', '--save', '', '--dir', $self->{dir},
		    @{$self->{flags}});
	} elsif ($option{unix}) {
		$self->{path} = "$self->{dir}/socket";
		push @command, '-s', $self->{path};
	} else {
		my $listen = $option{listen} // '127.0.0.1';
		push @command, '-p', $option{port} // -1;
		push @command, '-l', $listen if $listen ne '';
	}
	unshift @command, @{$option{wrapper}} if $option{wrapper};
	$self->spawn(\@command, $option{env} || {});
	return $self;
}

# A server that may be ended and started again where it was. Its port lies
# below those that the system hands out, so that nobody gets it meanwhile.
sub
start_to_return
{
	my ($class, %option) = @_;

	for (1 .. 20) {
		my $port = 10_240 + int rand 20_000;
		my $self = eval { $class->start(%option, port => $port) };
		return $self if $self;
		croak($@) if port_is_free($port);
	}
	croak('no free port');
}

# The same server anew, after its end.
sub
again
{
	my ($self) = @_;

	return ref($self)->start(%{$self->{option}}, port => $self->{port});
}

# Run any other program. What is said here of a server as a process is true
# of it, too.
sub
run
{
	my ($class, $command, $env) = @_;
	my ($program, @flags) = @$command;
	my $self = bless { program => $program, flags => \@flags,
	    dir => scratch() }, $class;

	$self->spawn($command, $env || {});
	return $self;
}

# Run the command as the leader of a process group of its own.
sub
spawn
{
	my ($self, $command, $env) = @_;
	my $pid = fork;

	croak("fork: $!") if !defined $pid;
	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE ALRM);
		setpgrp;
		$ENV{MEMCACHED_PORT_FILENAME} = "$self->{dir}/ports";
		$ENV{$_} = $env->{$_} for keys %$env;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$self->{dir}/stdout";
		open STDERR, '>', "$self->{dir}/stderr";
		exec { $command->[0] } @$command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$running{$pid} = $self;
}

sub
wait_until_listening
{
	my ($self) = @_;
	my $give_up = time + $TIMEOUT;

	while (time < $give_up) {
		if (!$self->alive) {
			croak("$self->{program} @{$self->{flags}} ended with " .
			    "status $self->{status}: " . $self->stderr);
		}
		return if is_redis($self->{program}) ? $self->port_answers
		    : $self->{unix} ? $self->unix_answers
		    : $self->read_port_file;
		sleep 0.005;
	}
	kill_group($self);
	croak("$self->{program} @{$self->{flags}} does not listen: " .
	    $self->stderr);
}

sub
unix_answers
{
	my ($self) = @_;

	return -S $self->{path}
	    && IO::Socket::UNIX->new(Peer => $self->{path});
}

sub
port_answers
{
	my ($self) = @_;

	return IO::Socket::IP->new(PeerHost => '127.0.0.1',
	    PeerPort => $self->{port});
}

# The file appears whole: it is renamed into place.
sub
read_port_file
{
	my ($self) = @_;

	open my $file, '<', "$self->{dir}/ports" or return 0;
	$self->{ports} = [map { /^TCP INET6?: (\d+)/ ? $1 : () } <$file>];
	$self->{port} = $self->{ports}[0];
	return defined $self->{port};
}

# A new connection: to the unix socket if the server was started on one.
# Takes path, host and port in order to go elsewhere, timeout (for each reply)
# and patience (for the connection).
sub
connect
{
	my ($self, %option) = @_;
	my $path = $option{path} // $self->{path};
	my $host = $option{host} // '127.0.0.1';
	my $port = $option{port} // $self->{port};
	my $socket = defined $path ? IO::Socket::UNIX->new(Peer => $path)
	    : IO::Socket::IP->new(PeerHost => $host, PeerPort => $port,
		Timeout => $option{patience} || $TIMEOUT);

	croak('cannot connect to ' . ($path // "$host:$port") . ": $@ $!" .
	    $self->state) if !$socket;
	return Cairn::Connection->new($socket, $option{timeout} || $TIMEOUT);
}

# True while the process runs; takes note of its status when it has ended.
sub
alive
{
	my ($self) = @_;

	return 0 if defined $self->{status};
	return 1 if waitpid($self->{pid}, WNOHANG) == 0;
	$self->{status} = $?;
	delete $running{$self->{pid}};
	return 0;
}

# Words for a message: how the process has ended, if it has.
sub
state
{
	my ($self) = @_;

	return '' if $self->alive;
	return sprintf ' (the server has ended: exit %d, signal %d; %s)',
	    $self->{status} >> 8, $self->{status} & 127, $self->stderr;
}

# Wait for the end of the process; its wait status, or undef if it runs on.
sub
wait_for_exit
{
	my ($self, $seconds) = @_;
	my $give_up = time + $seconds;

	while ($self->alive) {
		return undef if time > $give_up;
		sleep 0.005;
	}
	return $self->{status};
}

# Ask the server to end. Its wait status, or undef if it had to be killed.
sub
stop
{
	my ($self, $signal, $seconds) = @_;

	kill $signal || 'TERM', $self->{pid} if $self->alive;
	my $status = $self->wait_for_exit(($seconds || 2) * $SLOWNESS);
	print STDERR "# $self->{program} @{$self->{flags}}",
	    defined $status ? $self->state : ' does not end', "\n"
	    if !defined $status || $status != 0;
	kill_group($self) if !defined $status;
	return $status;
}

sub
kill_group
{
	my ($self) = @_;

	if ($self->alive) {
		kill 'KILL', -$self->{pid}, $self->{pid};
		waitpid $self->{pid}, 0;
		$self->{status} = $?;
		delete $running{$self->{pid}};
	}
}

sub
DESTROY
{
	my ($self) = @_;

	local ($@, $?, $!);
	kill_group($self) if $$ == $owner && $self->{pid};
}

sub
port_is_free
{
	my ($port) = @_;

	return defined IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => $port, Listen => 1, ReuseAddr => 1);
}

# A TCP port nobody listens on at the moment.
sub
free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 1, ReuseAddr => 1) or croak("no free port: $!");

	return $socket->sockport;
}

# Let seconds go by for a server that was started with `debug`: its clock is
# shifted, so nobody has to wait. The reference has no such clock.
sub
later
{
	my ($self, $seconds) = @_;

	if (is_reference($self->{program}) || is_redis($self->{program})) {
		sleep $seconds;
		return;
	}
	my $client = $self->connect;
	my $reply = $client->ask("debugtime $seconds");
	croak("debugtime: $reply") if $reply ne 'OK';
	$client->close;
}

sub
slurp
{
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/;
	return <$file> // '';
}

sub
stdout
{
	my ($self) = @_;

	return slurp("$self->{dir}/stdout");
}

sub
stderr
{
	my ($self) = @_;

	return slurp("$self->{dir}/stderr");
}

# The counters of `stats`, or of `stats $group`, as a hash.
sub
stats
{
	my ($self, $group) = @_;
	my $client = $self->connect;
	my %stats;

	$client->send(defined $group ? "stats $group\r\n" : "stats\r\n");
	while ((my $line = $client->line) ne 'END') {
		croak("odd line in stats: $line")
		    if $line !~ /^STAT (\S+) ?(.*)$/;
		$stats{$1} = $2;
	}
	$client->close;
	return \%stats;
}

# Resident memory of the process, in bytes.
sub
rss
{
	my ($self) = @_;

	return slurp("/proc/$self->{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m
	    ? $1 * 1024 : 0;
}

# Processor time the process has used, in seconds.
sub
cpu_seconds
{
	my ($self) = @_;
	my $stat = slurp("/proc/$self->{pid}/stat");

	$stat =~ s/^.*\)//s;
	my @field = split ' ', $stat;
	return ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# True when the program carries a sanitizer, which makes memory and time
# mean little.
sub
is_instrumented
{
	my ($self) = @_;

	return $ENV{sanitize} || slurp("/proc/$self->{pid}/maps") =~
	    m{/lib[atm]san|/valgrind};
}

1;
