#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# man.t - the manual page and `cairnd --help` name the same options, and the
# page is well-formed.

use strict;
use warnings;

use Test::More;

my $build = $ENV{top_builddir} || '.';
my $page = "$build/man/cairnd.1";
my $cairnd = "$build/cairnd";

sub
lines_of
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!\n";
	chomp(my @lines = <$in>);
	return @lines;
}

# Sorted and unique, one a line, so that is() shows where two lists differ.
sub
list
{
	my %seen = map { $_ => 1 } @_;

	return join "\n", sort keys %seen;
}

# A line of --help that starts an option is indented by two. Flags start with
# a dash, sub-options do not; those without effect share lines.
sub
options_of_help
{
	my (@flags, @suboptions);
	my $inert = 0;

	for (@_) {
		$inert = /^Accepted|^Refused/ if /^\S/;
		if (/^  -(\w)(?:, --([\w-]+))?/) {
			push @flags, "-$1", defined $2 ? "--$2" : ();
		} elsif (/^  \S/ && $inert) {
			push @suboptions, /(?:^|\s)((?:\[no_\])?\w+)/g;
		} elsif (/^  ((?:\[no_\])?\w+)/) {
			push @suboptions, $1;
		}
	}
	return list(@flags), list(@suboptions);
}

# What an item of a list in the page is about: .It Fl p , Fl -port ..., and
# for options without effect the line after .It.
sub
options_of_page
{
	my (@flags, @suboptions);
	my $item = 0;

	for (@_) {
		if (s/^\.It\b// || ($item && s/^\.//)) {
			push @flags, map { "-$_" } /\bFl (-?[\w-]+)/g;
			push @suboptions, $1 if /\bCm (\S+)/;
			$item = $_ eq '';
		} else {
			$item = 0;
		}
	}
	return list(@flags), list(@suboptions);
}

my @help = `$cairnd --help`;
is($?, 0, '--help exits with 0');
chomp @help;

my ($help_flags, $help_suboptions) = options_of_help(@help);
my ($page_flags, $page_suboptions) = options_of_page(lines_of($page));

like($help_flags, qr/^--port$/m, 'the flags of --help were found');
like($help_suboptions, qr/^shards$/m, 'its sub-options were found');
like($help_suboptions, qr/^ext_drop_unread$/m, 'ignored ones as well');
is($page_flags, $help_flags, 'the page has the flags of --help');
is($page_suboptions, $help_suboptions,
    'the page has the sub-options of --help');

SKIP: {
	skip 'no mandoc here', 1 if system('command -v mandoc >/dev/null') != 0;
	is(`mandoc -Tlint -W warning $page`, '', 'mandoc finds no fault');
}

done_testing;
