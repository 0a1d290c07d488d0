#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# man.t - the manual pages say what the program knows: the options of
# `cairnd --help`, the commands and replies of the tables; and they are
# well-formed.

use strict;
use warnings;

use Test::More;

my $build = $ENV{top_builddir} || '.';
my $top = $ENV{top_srcdir} || '.';
my $page = "$build/man/cairnd.1";
my $protocol_page = "$build/man/cairn-protocol.7";
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
		$inert = /^Accepted/ if /^\S/;
		if (/^  (-\w|--[\w-]+)(?:, (--[\w-]+))?/) {
			push @flags, $1, defined $2 ? $2 : ();
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

# cairn-load has flags only.

my $load_page = "$build/man/cairn-load.1";
my @load_help = `$build/cairn-load --help`;
is($?, 0, 'cairn-load --help exits with 0');
chomp @load_help;

my ($load_flags) = options_of_help(@load_help);
my ($load_page_flags) = options_of_page(lines_of($load_page));

like($load_flags, qr/^--connections$/m, 'the flags of cairn-load were found');
is($load_page_flags, $load_flags, 'its page has the flags of its --help');

# The rows of a table that are called $row: lists of the words and strings of
# each, those in pieces put together.
sub
rows_of
{
	my ($table, $row) = @_;
	my $text = join "\n", lines_of("$top/src/$table");
	my @rows;

	$text =~ s{/\*.*?\*/}{}gs;
	while ($text =~ /^\Q$row\E\(((?:[^()"]|"(?:[^"\\]|\\.)*")*)\)$/gm) {
		my $fields = $1;

		$fields =~ s/"\s*\n\s*"//g;
		push @rows, [map { s/^"|"$//gr } $fields =~
		    /((?:"(?:[^"\\]|\\.)*"|[^,"\s]+)(?:\s+[A-Z_]+)?)/g];
	}
	return @rows;
}

# A page on one line, what is escaped in it as it is.
sub
text_of
{
	return join(' ', lines_of($_[0])) =~ s/\\-/-/gr =~ s/\\\(ha/^/gr;
}

my $commands = text_of($page);
my $protocol = text_of($protocol_page);
my @verbs = rows_of('proto/commands.def', 'VERB');
my @statuses = rows_of('proto/statuses.def', 'STATUS');
my @replies = rows_of('proto/replies.def', 'REPLY');
my @packets = rows_of('proto/commands.def', 'PACKET');
my %answered = map { $_->[0] => 1 } @replies;

cmp_ok(@verbs, '>', 20, 'the commands were found');
for my $verb (@verbs) {
	my ($protocol_name, $name, $op, $synopsis, $sentence) =
	    @$verb[0 .. 2, -2, -1];
	my $item = ".It Ic \"$synopsis\" $sentence ";

	ok(index($commands, $item) >= 0, "cairnd(1) has $protocol_name $name");
	ok(index($protocol, $item) >= 0, "cairn-protocol(7) has it, too");
	ok($answered{$op}, "$op has rows in replies.def");
	is(list($synopsis =~ /<(\w+)>/g),
	    list(grep { $protocol =~ /\.It Aq $_ / } $synopsis =~ /<(\w+)>/g),
	    "cairn-protocol(7) explains the words of $name");
}
my @calls = rows_of('proto/calls.def', 'CALL');
cmp_ok(@calls, '>', 100, 'the calls were found');
for my $call (@calls) {
	my ($name, $arity, $synopsis, $sentence) = @$call[0, 2, -2, -1];

	if ($synopsis =~ /<subcommand>/) {
		next if $arity != -1;
		$synopsis = uc $name;
	}
	ok(index($protocol, ".It Ic \"$synopsis\" $sentence ") >= 0,
	    "cairn-protocol(7) has the call $name");
}
my @groups = rows_of('server/stats_groups.def', 'STATS');
cmp_ok(@groups, '>', 5, 'the groups of stats were found');
for my $group (grep { $_->[3] ne '' } @groups) {
	ok(index($protocol, ".It Ic \"$group->[2]\" $group->[3] ") >= 0,
	    "cairn-protocol(7) has $group->[2]");
}
cmp_ok(@packets, '>', 30, 'the packets were found');
for my $packet (@packets) {
	my ($code, $name, $sentence) = @$packet[0, 1, -1];

	ok(index($protocol, ".It Li $code Ic $name $sentence ") >= 0,
	    "cairn-protocol(7) has the packet $name");
}
my %named = map { $_->[1] => 1 } @replies,
    rows_of('proto/replies.def', 'PACKET_REPLY'),
    rows_of('proto/replies.def', 'RESP_REPLY'),
    map { [0, $_] } qw(ERROR BAD_FORMAT UNAUTHENTICATED NOT_PERMITTED PROTOCOL);
is(list(keys %named), list(map { $_->[0] } @statuses),
    'every status is the reply to some command');
for my $status (@statuses) {
	my ($name, $text, $meaning) = @$status[0, 2, 3];

	next if $text eq '' || $text =~ /PROTO_VERSION/;
	ok(index($protocol, ".It Li \"$text\" $meaning ") >= 0,
	    "cairn-protocol(7) has the reply $name");
}

SKIP: {
	skip 'no mandoc here', 3 if system('command -v mandoc >/dev/null') != 0;
	is(`mandoc -Tlint -W warning $_`, '', "mandoc finds no fault in $_")
	    for $page, $load_page, $protocol_page;
}

done_testing;
