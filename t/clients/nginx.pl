#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# nginx.pl - pages that nginx takes from the cache by memcached_pass:
#
#	nginx.pl text HOST:PORT
#
# The nginx is a private one, without a master or root, on a unix socket.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my (undef, $server) = @ARGV;
my $program = Cairn::find_program('nginx') //
    (grep { -x } '/usr/sbin/nginx', '/usr/local/sbin/nginx')[0];

plan skip_all => 'nginx is not installed' if !$program;

my $GZIP_FLAG = 2;
my $dir = Cairn::scratch();
my $client = Cairn::Connection->to($server);

write_configuration();
my $nginx = Cairn->run([$program, '-p', "$dir", '-c', "$dir/nginx.conf",
    '-e', "$dir/error.log"]);
wait_for_nginx();
hits_and_misses();
values_of_all_lengths();
flags();
pipelined();
at_once();
restart();
is($nginx->stop('QUIT'), 0, 'nginx ends');
done_testing;

sub
write_configuration
{
	open my $file, '>', "$dir/nginx.conf" or die $!;
	print $file <<CONFIGURATION;
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { }
http {
	access_log off;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	default_type text/plain;
	upstream cache {
		server $server max_fails=0;
		keepalive 4;
	}
	server {
		listen unix:$dir/http;
		location / {
			set \$memcached_key \$uri;
			memcached_pass cache;
		}
		location /zipped/ {
			set \$memcached_key \$uri;
			memcached_gzip_flag $GZIP_FLAG;
			memcached_pass cache;
		}
		location /made/ {
			set \$memcached_key \$uri;
			memcached_pass cache;
			error_page 404 502 504 = \@origin;
		}
		location \@origin {
			return 200 "made anew";
		}
	}
}
CONFIGURATION
	close $file or die $!;
}

sub
wait_for_nginx
{
	my $give_up = time + $Cairn::TIMEOUT;

	while ($nginx->alive && time < $give_up) {
		return if eval { Cairn::Connection->to("$dir/http") };
		sleep 0.01;
	}
	BAIL_OUT('nginx does not start: ' . $nginx->stderr .
	    Cairn::slurp("$dir/error.log"));
}

# Ask for a page: the status, the body and the headers.
sub
page
{
	my ($path, $connection) = @_;

	$connection //= Cairn::Connection->to("$dir/http");
	$connection->send("GET $path HTTP/1.1\r\nHost: test\r\n" .
	    "Accept-Encoding: gzip\r\n\r\n");
	return answer($connection);
}

sub
answer
{
	my ($connection) = @_;
	my $head = $connection->until("\r\n\r\n");
	my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
	my ($length) = $head =~ /^Content-Length: (\d+)/mi;

	return ($status, $connection->exactly($length), $head);
}

sub
hits_and_misses
{
	$client->set('/a', 'page a');
	is_deeply([(page('/a'))[0, 1]], [200, 'page a'], 'a hit');
	is((page('/none'))[0], 404, 'a miss is not found');
	is((page('/made/none'))[1], 'made anew', 'a miss goes to the origin');
	$client->set('/made/a', 'cached');
	is((page('/made/a'))[1], 'cached', 'a hit does not');
	$client->set('/with%20space', 'space');
	is((page('/with%20space'))[1], 'space', 'a key with a space');
	$client->ask('delete /a');
	is((page('/a'))[0], 404, 'what was deleted is not found');
}

sub
values_of_all_lengths
{
	for my $length (0, 1, 100, 10_000, 100_000, 900_000) {
		my $body = substr "line\r\nEND\r\n" x ($length / 11 + 1), 0,
		    $length;
		$client->set("/length$length", $body);
		my ($status, $got) = page("/length$length");
		ok($status == 200 && $got eq $body, "$length bytes");
	}
}

sub
flags
{
	$client->set('/zipped/plain', 'plain', 0);
	$client->set('/zipped/packed', 'packed', $GZIP_FLAG);
	unlike((page('/zipped/plain'))[2], qr/^Content-Encoding:/mi,
	    'without the flag nothing is said');
	like((page('/zipped/packed'))[2], qr/^Content-Encoding: gzip/mi,
	    'with the flag it is called zipped');
}

# Several requests in one go on one connection.
sub
pipelined
{
	my $connection = Cairn::Connection->to("$dir/http");

	$client->set("/p$_", "page $_") for 0 .. 49;
	$connection->send(join '', map {
	    "GET /p$_ HTTP/1.1\r\nHost: test\r\n\r\n" } 0 .. 49);
	is_deeply([map { (answer($connection))[1] } 0 .. 49],
	    [map { "page $_" } 0 .. 49], 'pages in a pipeline');
}

# Many clients share the few connections that nginx keeps.
sub
at_once
{
	my @connections = map { Cairn::Connection->to("$dir/http") } 1 .. 20;
	my $wrong = 0;

	for my $round (1 .. 10) {
		$_->send("GET /p$round HTTP/1.1\r\nHost: test\r\n\r\n")
		    for @connections;
		for my $connection (@connections) {
			my ($status, $body) = answer($connection);
			$wrong++ if $body ne "page $round";
		}
	}
	is($wrong, 0, 'clients at once');
}

# Without its cache nginx makes the pages, and comes back to it.
sub
restart
{
	my $give_up = time + 20;
	my $page;

	kill 'TERM', $ENV{CAIRN_PID};
	do {
		$page = (page('/made/a'))[1];
	} while ($page ne 'made anew' && time < $give_up);
	is($page, 'made anew', 'the origin steps in');
	sleep 0.01 while kill(0, $ENV{CAIRN_PID}) && time < $give_up;
	until ($client = eval { Cairn::Connection->to($server) }) {
		last if time > $give_up;
		sleep 0.01;
	}
	is($client->set('/made/a', 'again'), 'STORED', 'the server is back');
	is((page('/made/a'))[1], 'again', 'nginx comes back to it');
}
