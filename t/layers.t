#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# layers.t - who may know whom: no include goes up, no platform `#if` is
# outside src/os, and no test is left out of Makefile.am.

use strict;
use warnings;

use File::Find;
use Test::More;

my $top = $ENV{top_srcdir} || '.';

# A file includes its own layer and those of lower rank; store and proto
# share a rank, so they do not know each other. `cairn` is include/cairn,
# which is installed: all may include it, it includes nothing of src.
my %rank = (
	cairn	=> 0,
	os	=> 1,
	base	=> 2,
	store	=> 3,
	proto	=> 3,
	script	=> 4,
	command	=> 4,
	shard	=> 5,
	net	=> 6,
	server	=> 7,
);
my %knows;
for my $layer (keys %rank) {
	$knows{$layer} = { map { $_ => 1 } grep {
	    $_ eq $layer || $rank{$_} < $rank{$layer} } keys %rank };
}
$knows{os} = { os => 1 };
$knows{embed} = { map { $_ => 1 } qw(embed store base os cairn) };
$knows{client} = { map { $_ => 1 } qw(client proto base os cairn) };

my $platform = qr/\b(?:
	_*(?:linux|gnu_linux|unix|sun|bsdi|hpux|hurd|HAIKU|ANDROID|CYGWIN)_* |
	__(?:FreeBSD|FreeBSD_version|OpenBSD|NetBSD|DragonFly|APPLE|MACH)(?:__)? |
	__(?:GLIBC|UCLIBC|MINGW32|MINGW64|sgi|svr4|SVR4)__ |
	_?WIN(?:32|64) | __WIN(?:32|64)__ | _AIX | BSD | OpenBSD | TARGET_OS_\w+
	)\b/x;

# The text without comments, with as many lines. Strings are kept: they may
# contain what looks like a comment.
sub
without_comments
{
	my ($text) = @_;

	$text =~ s{
	    ( "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) |
	    ( /\*.*?\*/ | //[^\n]* )
	}{
		defined $1 ? $1 : ' ' . ("\n" x ($2 =~ tr/\n//));
	}gsex;
	return $text;
}

# What is wrong with the text of a file of a layer: a list of "LINE: words".
# $exists tells whether a path below src/ or include/ is ours; `<net/if.h>`
# is the system's.
sub
faults
{
	my ($layer, $text, $exists) = @_;
	my @faults;
	my $number = 0;

	$text =~ s/\\\n/\\\r/g;		# one directive, one line
	for my $line (split /\n/, without_comments($text)) {
		my $at = ++$number;

		$number += $line =~ s/\\\r//g;
		next if $line !~ /^\s*#\s*(\w+)\s*(.*)/;
		my ($directive, $rest) = ($1, $2);
		my $fault;

		if ($directive =~ /^(?:include|include_next|import)$/) {
			$fault = include_fault($layer, $rest, $exists);
		} elsif ($directive =~ /^(?:el)?if(?:n?def)?$/) {
			$fault = "platform conditional on $&"
			    if $layer ne 'os' && $rest =~ $platform;
		}
		push @faults, "$at: $fault" if defined $fault;
	}
	return @faults;
}

sub
include_fault
{
	my ($layer, $what, $exists) = @_;

	return "computes what it includes" if $what !~ /^(["<])([^">]+)[">]/;
	my ($mark, $path) = ($1, $2);
	return undef if $mark eq '<' && !$exists->($path);
	return undef if $path eq 'config.h';
	return "includes \"$path\", not as \"layer/file\""
	    if $path !~ m{^(\w+)/[^/]+$};
	return "includes \"$path\" of the unknown layer $1"
	    if !exists $knows{$1};
	return "$layer includes \"$path\" of $1" if !$knows{$layer}{$1};
	return undef;
}

# The matcher must catch what is planted here, or its silence means nothing.

my $in_tree = sub { return $_[0] =~ m{^(?:net/conn|shard/shard)\.h$} };

sub
is_caught
{
	my ($layer, $text, $wanted, $name) = @_;

	is_deeply([ faults($layer, $text, $in_tree) ], [ $wanted ], $name);
}

sub
passes
{
	my ($layer, $text, $name) = @_;

	is_deeply([ faults($layer, $text, $in_tree) ], [], $name);
}

is_caught('base', qq{#include "store/store.h"\n},
    '1: base includes "store/store.h" of store',
    'an upward include is caught');
is_caught('store', qq{\n#include "proto/request.h"\n},
    '2: store includes "proto/request.h" of proto',
    'store may not know proto');
is_caught('proto', qq{#include "store/item.h"\n},
    '1: proto includes "store/item.h" of store',
    'proto may not know store');
is_caught('os', qq{#include "base/error.h"\n},
    '1: os includes "base/error.h" of base',
    'os is the lowest layer');
is_caught('shard', qq{/* a\n * b */ #  include\t<net/conn.h>\n},
    '2: shard includes "net/conn.h" of net',
    'an upward include in angle brackets is caught');
is_caught('store', qq{#define A \\\n\t1\n#include "net/conn.h"\n},
    '3: store includes "net/conn.h" of net',
    'a continued line does not shift the count');
is_caught('store', qq{#inc\\\nlude "net/conn.h"\n#include "os/os.h"\n},
    '1: store includes "net/conn.h" of net',
    'an include that goes over two lines is caught');
is_caught('store', qq{char *s = "/*";\n#include "net/conn.h"\n/* */\n},
    '2: store includes "net/conn.h" of net',
    'a comment mark in a string hides nothing');
is_caught('net', qq{#include "conn.h"\n},
    '1: includes "conn.h", not as "layer/file"',
    'an include without its layer is caught');
is_caught('net', qq{#include "../server/options.h"\n},
    '1: includes "../server/options.h", not as "layer/file"',
    'an include that climbs is caught');
is_caught('server', qq{#include "misc/junk.h"\n},
    '1: includes "misc/junk.h" of the unknown layer misc',
    'an unknown layer is caught');
is_caught('server', qq{#include HEADER\n},
    '1: computes what it includes', 'a computed include is caught');
is_caught('cairn', qq{#include "base/bytes.h"\n},
    '1: cairn includes "base/bytes.h" of base',
    'an installed header knows nothing of src');
is_caught('embed', qq{#include "shard/shard.h"\n},
    '1: embed includes "shard/shard.h" of shard',
    'the embedded store knows no shards of the server');
is_caught('server', qq{#include "embed/lock.h"\n},
    '1: server includes "embed/lock.h" of embed',
    'nobody includes the embedded store');
passes('embed', qq{#include "cairn/store.h"\n#include "store/store.h"\n},
    'the embedded store stands on the store');
passes('server', qq{#include "config.h"\n#include "net/conn.h"\n},
    'the server may include all');
passes('command', qq{#include "store/store.h"\n#include "proto/request.h"\n},
    'a downward include passes');
passes('os', qq{#include <net/if.h>\n},
    'a header of the system passes, whatever its directory');
passes('base', qq{/*\n#include "net/conn.h"\n*/\n// #ifdef __linux__\n},
    'what is in a comment passes');

for my $line ('#ifdef __linux__', '#if defined(__FreeBSD__)',
    '# ifndef __APPLE__', "#if X\n#elif defined __OpenBSD__",
    '#if defined(X) || \\' . "\n\tdefined(_WIN32)", '#if __unix__',
    '#ifdef __NetBSD__', '#ifdef __DragonFly__', '#ifdef __GLIBC__',
    '#if __FreeBSD_version > 1', '#ifdef linux') {
	my ($shown) = $line =~ /^(.*)/;
	my @found = faults('net', "$line\n", $in_tree);

	is(scalar @found, 1, "a platform conditional is caught: $shown");
}
passes('os', "#ifdef __linux__\n", 'src/os may ask for the platform');
passes('net', "#if defined(BASE_H) || UNIX_PATH || __x86_64__\n",
    'other conditionals pass');

# Now the tree.

my @files;
for my $root ('src', 'include') {
	next if ! -d "$top/$root";
	find({ no_chdir => 1, wanted => sub {
		push @files, substr $_, length "$top/" if /\.(?:c|h|def)$/;
	} }, "$top/$root");
}
# What configure makes there in a build of the tree in place.
@files = sort grep { $_ ne 'src/config.h' } @files;
my %ours = map { m{^(?:src|include)/(.*)} ? ($1 => 1) : () } @files;

cmp_ok(scalar @files, '>=', 10, 'there are files to look at');
for my $file (@files) {
	my ($layer) = $file =~ m{^(?:src|include)/(\w+)/[^/]+$};
	my $text;

	if (!defined $layer || !exists $knows{$layer}) {
		fail("$file is in a known layer");
		next;
	}
	open my $in, '<', "$top/$file" or die "$top/$file: $!\n";
	$text = do { local $/; <$in> };
	close $in;
	my @faults = faults($layer, $text, sub { $ours{$_[0]} });
	ok(!@faults, "$file keeps to its place") or
	    diag(map { "$file:$_\n" } @faults);
}

# A test that Makefile.am does not name would pass by never running.

open my $in, '<', "$top/Makefile.am" or die "$top/Makefile.am: $!\n";
my %named = map { $_ => 1 } map { split } <$in>;
close $in;
for my $path (sort map { glob "$top/t/*.$_" } qw(t c)) {
	my ($test) = $path =~ m{(t/[^/]+)$};

	$test =~ s/\.c$//;
	ok($named{$test}, "Makefile.am names $test");
}

done_testing();
