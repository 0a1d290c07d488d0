#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# config.t - a server that is set up by files: ours, Debian's. (What a file
# may say is in t/option_file.c.)
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use Cairn;

plan skip_all => 'memcached has no --config' if Cairn::is_reference();

my $dir = Cairn::scratch();
my $debian = '/etc/memcached.conf';

our_sample_has_the_defaults();
our_sample_is_right_in_what_it_comments_out();
the_unit_reads_our_file();
debians_file_is_read_as_it_is();
a_file_is_read_once();
a_file_that_is_wrong_ends_the_start();
done_testing;

sub
write_file
{
	my ($path, $text) = @_;

	open my $file, '>', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
	return $path;
}

sub
settings_with
{
	my (@flags) = @_;
	my $server = Cairn->start(flags => \@flags);
	my $settings = $server->stats('settings');

	is($server->connect->set('key', 'value'), 'STORED', "@flags: it serves");
	is($server->stop, 0, 'and ends cleanly');
	delete $settings->{tcpport};
	return $settings;
}

sub
our_sample_has_the_defaults
{
	my $sample = Cairn::srcdir() . '/contrib/cairn.conf';

	is_deeply(settings_with('--config', $sample), settings_with(),
	    'contrib/cairn.conf says what the defaults are');
}

sub
our_sample_is_right_in_what_it_comments_out
{
	my $text = Cairn::slurp(Cairn::srcdir() . '/contrib/cairn.conf');

	isnt($text =~ s/^#([a-z])/$1/mg, '', 'there are such lines');
	$text =~ s{/run/cairn/socket}{$dir/socket};
	my $settings = settings_with('--config',
	    write_file("$dir/all.conf", $text));
	is($settings->{domain_socket}, "$dir/socket", 'the socket');
	is($settings->{num_threads}, 4, 'threads');
	is($settings->{evictions}, 'off', 'disable-evictions');
}

sub
the_unit_reads_our_file
{
	my $unit = Cairn::slurp(Cairn::srcdir() . '/contrib/cairn.service');

	like($unit, qr{^ExecStart=\S+/cairnd --config /etc/cairn.conf$}m,
	    'contrib/cairn.service names /etc/cairn.conf');
}

# What cannot be had in a test, the user and the directory of the pid file,
# is said again on the command line.
sub
debians_file_is_read_as_it_is
{
	SKIP: {
		skip "no $debian here", 6 if !-r $debian;
		my $settings = settings_with('--config', $debian,
		    Cairn::account_flags(), '-P', "$dir/pid", '-m', 100);
		is($settings->{maxbytes}, 100 << 20,
		    'the command line counts more');
		my $file = Cairn::slurp($debian);
		my ($listen) = $file =~ /^-l (\S+)/m;
		is($settings->{inter}, $listen, 'the address is that of -l')
		    if defined $listen;

		my $server = Cairn->launch(flags => ['--config',
		    write_file("$dir/d.conf", $file =~ s{^-P .*}{}mr)]);
		$server->wait_until_listening;
		ok($server->alive, '-d does not send it to the background');
		is($server->stop, 0);
	}
}

sub
a_file_is_read_once
{
	my $path = write_file("$dir/once.conf", "memory-limit 70\n");
	my $server = Cairn->start(flags => ['--config', $path, '-v']);

	write_file($path, "nonsense\n");
	kill 'HUP', $server->{pid};
	is($server->connect->set('key', 'value'), 'STORED');
	is($server->stats('settings')->{maxbytes}, 70 << 20,
	    'a hangup does not read it again');
	is($server->stop, 0);
}

sub
a_file_that_is_wrong_ends_the_start
{
	my $path = write_file("$dir/wrong.conf", "port 1\n\nmemory 64\n");
	my $server = Cairn->launch(flags => ['--config', $path]);

	is($server->wait_for_exit($Cairn::TIMEOUT), 64 << 8,
	    'the status is that of a wrong command line');
	is($server->stderr, "cairnd: $path:3: unknown option \"memory\"; did " .
	    "you mean \"--memory-limit\"?\n", 'and says where and what');
}
