#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# clients.t - programs that others wrote for memcached and Redis work with this
# server.
#
# Each row of the table is a program in t/clients/ that uses one client as its
# users do. It is run as
#
#	program MODE HOST:PORT...
#
# with a server of its own at each address. The program prints TAP, which
# becomes tests of this script, or `1..0 # SKIP why` if its client is not
# there. It may end the first server, whose process CAIRN_PID names: that is
# started again where it was.
#
# With CAIRN_SERVER=memcached the reference is asked: a test that fails there
# is wrong about the client. Words on the command line choose clients
# (prove t/clients.t :: pylibmc).
use strict;
use warnings;

use File::Spec;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::TLS;

my $NPM = "nodejs, npm, and what `make npm-clients` installs";

my $SPYMEMCACHED = '/usr/share/java/spymemcached.jar';

# client	what the tests are called
# file		the program, of t/clients/
# modes		what it is called with, one after the other (text)
# install	packages of Debian with the client
# servers	how many (1)
# flags		more flags of the servers
# jar		what java needs; it compiles the program, too
# ours		the flags are none of memcached's
my @clients = (
	{ client => 'pymemcache', file => 'pymemcache_mixed.py',
	    modes => ['text', 'login', 'tls'],
	    install => 'python3-pymemcache', servers => 2 },
	{ client => 'pymemcache, 1 shard', file => 'pymemcache_mixed.py',
	    install => 'python3-pymemcache', servers => 2,
	    flags => ['-o', 'shards=1'], ours => 1 },
	{ client => 'pylibmc', file => 'pylibmc_mixed.py',
	    modes => ['text', 'binary', 'sasl'],
	    install => 'python3-pylibmc', servers => 2 },
	{ client => 'python-memcached', file => 'python_memcache_mixed.py',
	    install => 'python3-memcache', servers => 2 },
	{ client => 'python-binary-memcached', file => 'bmemcached_mixed.py',
	    modes => ['binary', 'sasl', 'tls'],
	    install => 'python3-binary-memcached' },
	{ client => 'php-memcached', file => 'php_memcached_mixed.php',
	    modes => ['text', 'binary', 'sasl'],
	    install => 'php-cli php-memcached', servers => 2 },
	{ client => "perl's Cache::Memcached",
	    file => 'cache_memcached_mixed.pl', modes => ['pure', 'fast'],
	    install => 'libcache-memcached-perl libcache-memcached-fast-perl',
	    servers => 2 },
	{ client => "ruby's dalli", file => 'dalli_mixed.rb',
	    modes => ['binary', 'sasl', 'meta'],
	    install => 'ruby ruby-dalli', servers => 2 },
	{ client => "npm's memcached", file => 'memcached_mixed.js',
	    install => $NPM, servers => 2 },
	{ client => "npm's memjs", file => 'memjs_mixed.js',
	    modes => ['binary', 'sasl'], install => $NPM, servers => 2 },
	{ client => "java's spymemcached", file => 'SpyMixed.java',
	    modes => ['text', 'binary'], servers => 2,
	    jar => $SPYMEMCACHED,
	    install => 'default-jdk-headless libspymemcached-java' },
	{ client => 'libmemcached', file => 'libmemcached.pl',
	    modes => ['text', 'binary'], install => 'libmemcached-tools' },
	{ client => 'memcached-tool', file => 'memcached_tool.pl',
	    install => 'memcached', servers => 2 },
	{ client => 'redis-py', file => 'redis_py_server.py',
	    modes => ['text', 'login'], install => 'python3-redis',
	    ours => 1 },
	{ client => "redis's tools", file => 'redis_tools.pl',
	    install => 'redis-tools', ours => 1 },
	{ client => 'redis-py, items', file => 'redis_py_mixed.py',
	    modes => ['python', 'hiredis'],
	    install => 'python3-redis python3-hiredis', ours => 1 },
	{ client => 'redis-py, scripts', file => 'redis_py_scripts.py',
	    install => 'python3-redis', ours => 1 },
	{ client => 'php-redis', file => 'php_redis_mixed.php',
	    modes => ['text', 'login'], install => 'php-cli php-redis',
	    ours => 1 },
	{ client => "ruby's redis", file => 'redis_rb_mixed.rb',
	    modes => ['text', 'login'], install => 'ruby ruby-redis',
	    ours => 1 },
	{ client => "npm's ioredis", file => 'ioredis_mixed.js',
	    modes => ['text', 'login'], install => $NPM, ours => 1 },
	{ client => "npm's redis", file => 'node_redis_mixed.js',
	    modes => ['resp2', 'resp3', 'login'], install => $NPM,
	    ours => 1 },
	{ client => "npm's ioredis, messages", file => 'ioredis_push.js',
	    install => $NPM, ours => 1 },
	{ client => "npm's redis, messages", file => 'node_redis_push.js',
	    modes => ['resp2', 'resp3'], install => $NPM, ours => 1 },
	{ client => 'hiredis', file => 'hiredis.pl',
	    install => 'libhiredis-dev', ours => 1 },
	{ client => 'prometheus-redis-exporter', file => 'redis_exporter.pl',
	    modes => ['text', 'login'],
	    install => 'prometheus-redis-exporter', ours => 1 },
	{ client => 'nginx', file => 'nginx.pl', install => 'nginx' },
	{ client => 'nutcracker', file => 'nutcracker.pl',
	    install => 'nutcracker', servers => 3 },
	{ client => 'nutcracker for Redis', file => 'nutcracker_redis.pl',
	    install => 'nutcracker', servers => 3, ours => 1 },
);

my %interpreter = (java => 'java', js => 'node', php => 'php', pl => 'perl',
    py => 'python3', rb => 'ruby');

# What a mode asks of the servers and gives the client to know: a function
# that returns flags, env (theirs) and know, or why it cannot be.
my %mode = (login => \&login, sasl => \&sasl, tls => \&tls);

my $USER = 'cairn';
my $PASSWORD = 'sesame';
my $dir = Cairn::scratch();
my $pki;

my $AT_ONCE = 4;
my $PATIENCE = 60 * $Cairn::SLOWNESS;

my @waiting = jobs();
my @running;

while (@waiting || @running) {
	push @running, grep { begin($_) } shift @waiting
	    if @waiting && @running < $AT_ONCE;
	@running = grep { !over($_) } @running;
	sleep 0.01;
}
done_testing;

# A job is a client in one mode.
sub
jobs
{
	my @jobs;

	for my $row (@clients) {
		next if $row->{ours} && Cairn::is_reference();
		for my $mode (@{$row->{modes} || ['text']}) {
			my $name = $row->{modes} ? "$row->{client}, $mode"
			    : $row->{client};
			push @jobs, { %$row, name => $name, mode => $mode };
		}
	}
	return grep { chosen($_->{name}) } @jobs;
}

sub
chosen
{
	my ($name) = @_;

	return !@ARGV || grep { index($name, $_) >= 0 } @ARGV;
}

# True if it was begun; otherwise it was skipped.
sub
begin
{
	my ($job) = @_;
	my @command = command($job);

	return skip_job($job, "install $job->{install}") if !@command;
	my %needs = needs($job->{mode});
	return skip_job($job, $needs{why}) if $needs{why};
	$job->{servers} = [map { Cairn->start_to_return(
	    flags => [@{$needs{flags}}, @{$job->{flags} || []}],
	    env => $needs{env}) } 1 .. $job->{servers} || 1];
	$job->{process} = Cairn->run([@command, $job->{mode},
	    map { "127.0.0.1:$_->{port}" } @{$job->{servers}}],
	    { CAIRN_PID => $job->{servers}[0]{pid},
	    NODE_PATH => node_path(), %{$needs{know}} });
	$job->{give_up} = time + $PATIENCE;
	return 1;
}

sub
needs
{
	my ($mode) = @_;

	return (flags => [], env => {}, know => {},
	    $mode{$mode} ? $mode{$mode}->() : ());
}

# A users file for the text protocol.
sub
login
{
	return (flags => ['-Y', users_file()], know => user());
}

sub
user
{
	return { CAIRN_USER => $USER, CAIRN_PASSWORD => $PASSWORD };
}

sub
users_file
{
	spew("$dir/users", "another:word\n$USER:$PASSWORD\n");
	return "$dir/users";
}

sub
spew
{
	my ($path, $content) = @_;

	open my $file, '>', $path or die "$path: $!";
	print $file $content;
	close $file or die "$path: $!";
}

# SASL against the users file; memcached has its own way.
sub
sasl
{
	return (flags => ['-S', '-Y', users_file()], know => user())
	    if !Cairn::is_reference();
	my $program = '/usr/sbin/saslpasswd2';
	return (why => 'no saslpasswd2 for memcached') if !-x $program;
	spew("$dir/memcached.conf", "mech_list: plain\n" .
	    "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n" .
	    "sasldb_path: $dir/sasldb\n");
	my $host = (POSIX::uname())[1];
	open my $pipe, '|-', $program, '-p', '-c', '-a', 'memcached', '-f',
	    "$dir/sasldb", '-u', $host, $USER or die "$program: $!";
	print $pipe $PASSWORD;
	close $pipe or die "$program: $?";
	chmod 0666, "$dir/sasldb";
	return (flags => ['-S'], env => { SASL_CONF_PATH => "$dir" },
	    know => user());
}

# memcached 1.6.18 does not see what of a TLS record lies behind its full
# buffer.
sub
tls
{
	return (why => 'memcached leaves long pipelines unread')
	    if Cairn::is_reference();
	my $why_not = Cairn::TLS::why_not();
	return (why => $why_not) if $why_not ne '';
	if (!$pki) {
		$pki = Cairn::TLS->new;
		$pki->issue('server');
	}
	return (flags => ['-Z', '-o', $pki->options('server')],
	    know => { CAIRN_CA => $pki->file('ca.crt') });
}

# The interpreter and the program; nothing if the interpreter is not there.
# Debian's clients are there for Debian's.
sub
command
{
	my ($job) = @_;
	my ($suffix) = $job->{file} =~ /(\w+)$/;
	my $name = $interpreter{$suffix};
	my $path = -x "/usr/bin/$name" ? "/usr/bin/$name"
	    : Cairn::find_program($name);
	my @library;

	return if !$path;
	if ($job->{jar}) {
		return if !-e $job->{jar} || !Cairn::find_program('javac');
		@library = ('-cp', $job->{jar});
	}
	return ($path, @library, Cairn::srcdir() . "/t/clients/$job->{file}");
}

sub
node_path
{
	return join ':', File::Spec->rel2abs(Cairn::builddir() .
	    '/npm/node_modules'), $ENV{NODE_PATH} // ();
}

sub
skip_job
{
	my ($job, $why) = @_;

	SKIP: { skip("$job->{name}: $why", 1); }
	return 0;
}

# Look after a job. True when it has ended.
sub
over
{
	my ($job) = @_;
	my ($first) = @{$job->{servers}};
	my $process = $job->{process};

	if (!$first->alive && $first->{status} == 0) {
		$job->{servers}[0] = $first->again;
	}
	return 0 if $process->alive && time < $job->{give_up};
	$process->stop if $process->alive;
	report($job);
	return 1;
}

sub
report
{
	my ($job) = @_;
	my $name = $job->{name};
	my $output = $job->{process}->stdout;

	if ($output =~ /^1\.\.0 # SKIP (.*)/m) {
		my $why = $1;
		$why .= "; install $job->{install}" if $why =~ /not installed/;
		skip_job($job, $why);
		return;
	}
	my $tests = relay($name, $output);
	my ($plan) = $output =~ /^1\.\.(\d+)$/m;
	is($tests, $plan // 'a plan', "$name: all was run");
	is($job->{process}{status}, 0, "$name: exit status")
	    or diag($job->{process}->stderr);
	for my $server (@{$job->{servers}}) {
		is($server->stop, 0, "$name: the server ends cleanly");
	}
}

# Lines of TAP become tests of ours; how many.
sub
relay
{
	my ($name, $output) = @_;
	my $tests = 0;

	for my $line (split /\n/, $output) {
		if ($line =~ /^ok \d+ # SKIP (.*)/i) {
			SKIP: { skip("$name: $1", 1); }
		} elsif ($line =~ /^(not )?ok \d+ - (.*) # TODO (.*)/) {
			TODO: {
				local our $TODO = $3;
				ok(!$1, "$name: $2");
			}
		} elsif ($line =~ /^(not )?ok \d+ - (.*)/) {
			ok(!$1, "$name: $2");
		} else {
			diag($line =~ s/^# //r) if $line !~ /^1\.\.\d+$/;
			next;
		}
		$tests++;
	}
	return $tests;
}
