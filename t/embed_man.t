#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# embed_man.t - cairn-store(3) names what the header declares, and its example
# program does what it says, with the library that was built.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

my $top = $ENV{top_srcdir} || '.';
my $build = abs_path($ENV{top_builddir} || '.');
my $compiler = $ENV{CC} || 'cc';
my $sanitize = $ENV{sanitize} || '';
my $page = "$top/man/cairn-store.3";
my $scratch = tempdir(CLEANUP => 1);

sub
text_of
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return <$in>;
}

sub
write_file
{
	my ($file, $text) = @_;

	open my $out, '>', $file or die "$file: $!\n";
	print $out $text;
	close $out or die "$file: $!\n";
}

sub
list
{
	my %seen = map { $_ => 1 } @_;

	return join "\n", sort keys %seen;
}

my $text = text_of($page);
my $header = text_of("$top/include/cairn/store.h");
my ($synopsis) = $text =~ /^\.Sh SYNOPSIS\n(.*?)^\.Sh/ms;
my ($errors) = $text =~ /^\.Sh ERRORS\n(.*?)^\.Sh/ms;
my ($example) = $text =~ /^\.Sh EXAMPLES\n.*?^\.Bd -literal\n(.*?)^\.Ed/ms;

(my $code = $header) =~ s{/\*.*?\*/}{}gs;
is(list($synopsis =~ /^\.F[no] (cairn_\w+)/gm),
    list($code =~ /^[\w ]+[\t *]+(cairn_\w+)\(/gm),
    'the page has the functions of the header');
is(list($errors =~ /^\.It Dv (CAIRN_\w+)/gm),
    list(grep { $_ ne 'CAIRN_OK' } $code =~ /^\t(CAIRN_\w+)\s+= -?\d/gm),
    'the page has the errors of the header');

SKIP: {
	skip 'no mandoc here', 1 if system('command -v mandoc >/dev/null') != 0;
	is(`mandoc -Tlint -W warning $page`, '', 'mandoc finds no fault');
}

# As a reader would copy it from the terminal.
$example =~ s/\\e/\\/g;
write_file("$scratch/example.c", $example);
my $flags = '-std=c11 -Wall -Wextra -Werror';
$flags .= " -fsanitize=$sanitize" if $sanitize ne '';

sub
runs
{
	my ($how, $libraries) = @_;
	my $command = "$compiler $flags -I$top/include " .
	    "-o $scratch/example $scratch/example.c $libraries";

	is(`$command 2>&1`, '', "the example compiles, $how");
	write_file("$scratch/input", "to be or not to be\n");
	my $out = `$scratch/example < $scratch/input 2>&1`;
	is($?, 0, "and runs, $how");
	my @lines = split /\n/, $out;
	is(pop @lines, '4 words', "counts words, $how");
	is(join(', ', sort @lines), 'be 2, not 1, or 1, to 2',
	    "and how often each comes, $how");
}

SKIP: {
	my ($shared) = grep { -e } glob "$build/.libs/libcairnstore.{so,dylib}";

	skip 'no shared library was built', 4 if !defined $shared;
	runs('with the shared library',
	    "$shared -Wl,-rpath,$build/.libs");
}
SKIP: {
	my $static = "$build/.libs/libcairnstore.a";

	skip 'no static library was built', 4 if ! -e $static;
	runs('with the static library', "$static -pthread");
}

# A program in C++ may include the header.
SKIP: {
	my ($cxx) = grep { system("command -v $_ >/dev/null") == 0 }
	    qw(c++ g++ clang++);

	skip 'no C++ compiler here', 1 if !defined $cxx;
	write_file("$scratch/plus.cc", <<'EOF');
#include <cairn/store.h>
#include <cairn/store.h>
int
main()
{
	struct cairn_store_options options = {};
	return cairn_store_open(&options, 0) == CAIRN_INVALID ? 0 : 1;
}
EOF
	is(`$cxx -std=c++11 -Wall -Wextra -pedantic -Werror \\
	    -I$top/include -fsyntax-only $scratch/plus.cc 2>&1`, '',
	    'C++ takes the header');
}

done_testing();
