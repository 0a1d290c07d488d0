#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# hiredis.pl - compile hiredis_mixed.c, and run it:
#
#	hiredis.pl text HOST:PORT
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cairn;

my $dir = Cairn::scratch();
my $program = "$dir/hiredis_mixed";
my $compiler = $ENV{CC} || 'cc';
my $flags = `pkg-config --cflags --libs hiredis 2>/dev/null`;

if ($? != 0) {
	print "1..0 # SKIP hiredis is not installed\n";
	exit;
}
$flags =~ s/\s+/ /g;
system("$compiler -Wall -o $program $FindBin::Bin/hiredis_mixed.c $flags")
    == 0 or die "hiredis_mixed.c does not compile\n";
# Not exec: the directory goes when this ends.
exit system($program, @ARGV) >> 8;
