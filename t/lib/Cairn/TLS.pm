# SPDX-License-Identifier: BSD-3-Clause
#
# TLS.pm - certificates for a test, and clients that encrypt.
#
#	my $pki = Cairn::TLS->new;			# makes authorities
#	$pki->issue('server', authority => 'ca');	# server.crt server.key
#	my $client = Cairn::TLS::connect($port, $pki->trust);
#
# A client is `openssl s_client` with our end of a socket pair as its standard
# input and output, so that a Cairn::Connection can talk through it. What it
# says about itself (-msg, the certificate) goes to a file.
package Cairn::TLS;

use strict;
use warnings;

use Carp qw(croak);
use File::Temp;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

use Cairn;

# Why there can be no test of TLS; '' if there can.
sub
why_not
{
	return 'openssl is not installed' if !Cairn::find_program('openssl');
	my $dir = Cairn::scratch();
	my $server = Cairn->launch(flags => ['-Z', '-o',
	    "ssl_chain_cert=$dir/none"]);

	$server->wait_for_exit($Cairn::TIMEOUT);
	return $server->stderr =~ /built without TLS/ ?
	    'cairnd was built without TLS' : '';
}

# Run openssl; dies with its words when it fails.
sub
openssl
{
	my $words = join ' ', map { "'$_'" } @_;
	my $said = `openssl $words 2>&1 </dev/null`;

	croak("openssl $words: $said") if $? != 0;
	return $said;
}

# A directory with an authority, ca.crt, and one that nobody knows, other.crt.
sub
new
{
	my ($class) = @_;
	my $self = bless { dir => Cairn::scratch(), serial => 100 }, $class;

	for my $name ('ca', 'other') {
		openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes',
		    '-keyout', $self->file("$name.key"),
		    '-out', $self->file("$name.crt"),
		    '-subj', "/CN=$name of a test", '-days', 2);
	}
	return $self;
}

sub
file
{
	my ($self, $name) = @_;

	return "$self->{dir}/$name";
}

# What servers here are called.
sub
names
{
	my ($self) = @_;
	my $path = $self->file('names');

	open my $file, '>', $path or croak("$path: $!");
	print $file "subjectAltName = DNS:localhost, IP:127.0.0.1\n";
	close $file or croak("$path: $!");
	return $path;
}

# A certificate NAME.crt with its key NAME.key, which anybody may read: the
# server runs as nobody. Takes authority (default ca); returns the serial.
sub
issue
{
	my ($self, $name, %option) = @_;
	my $authority = $option{authority} || 'ca';
	my $serial = ++$self->{serial};

	openssl('req', '-newkey', 'rsa:2048', '-nodes',
	    '-keyout', $self->file("$name.key.new"),
	    '-out', $self->file("$name.csr"), '-subj', '/CN=localhost');
	openssl('x509', '-req', '-in', $self->file("$name.csr"),
	    '-CA', $self->file("$authority.crt"),
	    '-CAkey', $self->file("$authority.key"),
	    '-set_serial', $serial, '-days', 2, '-extfile', $self->names,
	    '-out', $self->file("$name.crt.new"));
	for my $kind ('crt', 'key') {
		chmod 0644, $self->file("$name.$kind.new");
		rename $self->file("$name.$kind.new"),
		    $self->file("$name.$kind") or croak("rename: $!");
	}
	return $serial;
}

# The words of -o that use a certificate.
sub
options
{
	my ($self, $name) = @_;

	return 'ssl_chain_cert=' . $self->file("$name.crt") .
	    ',ssl_key=' . $self->file("$name.key");
}

# What clients need to verify the server.
sub
trust
{
	my ($self) = @_;

	return ('-CAfile', $self->file('ca.crt'), '-verify_return_error');
}

# A client with a certificate.
sub
identity
{
	my ($self, $name) = @_;

	return ('-cert', $self->file("$name.crt"),
	    '-key', $self->file("$name.key"));
}

# Connect to a port (127.0.0.1:PORT when there is no colon in it), with more
# words for s_client.
sub
connect
{
	my ($address, @words) = @_;
	my $dir = Cairn::scratch();
	my ($ours, $its) = IO::Socket::UNIX->socketpair(AF_UNIX, SOCK_STREAM,
	    PF_UNSPEC) or croak("socketpair: $!");

	$address = "127.0.0.1:$address" if $address !~ /:/;
	my $pid = fork;
	croak("fork: $!") if !defined $pid;
	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE ALRM);
		open STDIN, '<&', $its;
		open STDOUT, '>&', $its;
		open STDERR, '>', "$dir/stderr";
		close $ours;
		close $its;
		exec 'openssl', 's_client', '-quiet', '-connect', $address,
		    @words or POSIX::_exit(127);
	}
	close $its;
	my $client = Cairn::Connection->new($ours, $Cairn::TIMEOUT);
	$client->{tls} = { pid => $pid, dir => $dir };
	return bless $client, 'Cairn::TLS::Client';
}

# The serial number of the certificate that the server at a port shows.
sub
serial
{
	my ($self, $port) = @_;
	my $said = `openssl s_client -connect 127.0.0.1:$port </dev/null 2>&1 |
	    openssl x509 -noout -serial 2>&1`;

	return $said =~ /^serial=([0-9A-F]+)$/m ? hex $1 : "none: $said";
}

package Cairn::TLS::Client;

our @ISA = ('Cairn::Connection');

# What s_client has said.
sub
said
{
	my ($self) = @_;

	return Cairn::slurp("$self->{tls}{dir}/stderr");
}

sub
pid
{
	my ($self) = @_;

	return $self->{tls}{pid};
}

sub
DESTROY
{
	my ($self) = @_;

	local ($@, $?, $!);
	close $self->{socket};
	kill 'KILL', $self->{tls}{pid};
	waitpid $self->{tls}{pid}, 0;
}

1;
