#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# headers.t - every header compiles alone, and may be included twice.

use strict;
use warnings;

use File::Find;
use File::Temp qw(tempdir);
use Test::More;

my $top = $ENV{top_srcdir} || '.';
my $compiler = $ENV{CC} || 'cc';
my $flags = $ENV{CPPFLAGS};
if (!defined $flags) {
	chomp(my $packages = `pkg-config --cflags libevent_core libxxhash`);
	$flags = "-I$top/src -I$top/include $packages";
}
$flags .= " -I$top/bench";
my $command = "$compiler $flags -std=c11 -Wall -Werror -fsyntax-only -x c -";

# What the compiler says about a C text; empty when it takes it.
sub
complaints
{
	my ($text, $more_flags) = @_;
	my $out = tempdir(CLEANUP => 1) . '/out';

	open my $pipe, '|-', "$command $more_flags > $out 2>&1" or
	    die "$compiler: $!\n";
	print $pipe $text;
	my $failed = !close $pipe;
	open my $in, '<', $out or die "$out: $!\n";
	my $words = do { local $/; <$in> };
	return $failed ? $words || "exit status $?" : '';
}

sub
complaints_about
{
	my ($header, $more_flags) = @_;

	return complaints(qq{#include "$header"\n} x 2 . "int unused;\n",
	    $more_flags);
}

# A compiler that takes everything, or nothing, proves nothing.

my $planted = tempdir(CLEANUP => 1);
my %headers = (
	'good.h' => "#ifndef G\n#define G\n#include <stddef.h>\n" .
	    "struct g { size_t n; };\n#endif\n",
	'needy.h' => "#ifndef N\n#define N\nstruct n { uint64_t n; };\n#endif\n",
	'unguarded.h' => "struct u { int n; };\n",
);
while (my ($name, $text) = each %headers) {
	open my $out, '>', "$planted/$name" or die "$planted/$name: $!\n";
	print $out $text;
	close $out or die "$planted/$name: $!\n";
}
is(complaints_about('good.h', "-I$planted"), '', 'a good header passes');
like(complaints_about('needy.h', "-I$planted"), qr/uint64_t/,
    'a header that needs another one first is caught');
like(complaints_about('unguarded.h', "-I$planted"), qr/redefinition/,
    'a header without a guard is caught');

my @headers;
for my $root ('src', 'include', 'bench') {
	next if ! -d "$top/$root";
	find({ no_chdir => 1, wanted => sub {
		push @headers, substr $_, length "$top/$root/" if /\.h$/;
	} }, "$top/$root");
}
# config.h is configure's.
@headers = sort grep { $_ ne 'config.h' } @headers;

# Some are of use only where there is Lua.
my $has_lua = complaints("#include <lua.h>\nint unused;\n", '') eq '';

cmp_ok(scalar @headers, '>=', 5, 'there are headers to look at');
for my $header (@headers) {
	my $words = complaints_about($header, '');

	next if !$has_lua && $header =~ m{^script/(?:interpreter|pattern)};
	is($words, '', "$header compiles alone") or diag($words);
}

done_testing();
