#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# exports.t - libcairnstore shows its users the functions that its header
# declares, and nothing else.

use strict;
use warnings;

use Test::More;

my $top = $ENV{top_srcdir} || '.';
my $build = $ENV{top_builddir} || '.';
my $nm = $ENV{NM} || 'nm';

# The functions of the header, without its comments.
sub
declared
{
	open my $in, '<', "$top/include/cairn/store.h" or die "store.h: $!\n";
	my $text = do { local $/; <$in> };

	$text =~ s{/\*.*?\*/}{}gs;
	return sort $text =~ /^[\w ]+[\t *]+(cairn_\w+)\(/gm;
}

sub
list
{
	return join "\n", @_;
}

my @declared = declared();
cmp_ok(scalar @declared, '>=', 30, 'the header declares functions');
is(scalar(grep { $_ eq 'cairn_store_open' } @declared), 1,
    'cairn_store_open() is one of them');

my ($shared) = glob "$build/.libs/libcairnstore.so $build/.libs/*store.dylib";

SKIP: {
	skip 'no shared library was built', 2 if !defined $shared ||
	    ! -e $shared;

	my @names = map { /\s[A-TV-Z]\s+_?(\w+)/ ? $1 : () }
	    `$nm -D $shared 2>/dev/null || $nm -gU $shared`;
	# What the linker itself may add.
	@names = sort grep { !/^_(?:_bss_start|edata|end|init|fini)$/ } @names;
	is(list(@names), list(@declared),
	    'the shared library shows what the header declares');

	my @needed = map { /NEEDED\s+(?:Shared library: \[)?([^\]\s]+)/ ?
	    $1 : () } `objdump -p $shared 2>/dev/null`;
	skip 'no objdump here', 1 if !@needed;
	is(list(grep { !/^(?:libc|libpthread|librt|libm|ld-\w+|lib\w+san|
	    libgcc_s|linux-vdso|libdl)\b/x } @needed), '',
	    'it needs no library but the system\'s own');
}

done_testing();
