<?php
# SPDX-License-Identifier: BSD-3-Clause
#
# tap.php - the Test Anything Protocol for the clients in PHP.
#
#	check($name, $got, $want)
#	fails($name, $function)		it throws
#	finish()			the last thing that a program does

$mode = $argv[1];
$servers = array_slice($argv, 2);
$count = $failures = 0;

function
skip_all($why)
{
	echo "1..0 # SKIP $why\n";
	exit(0);
}

function
check($name, $got, $want)
{
	global $count, $failures;

	$count++;
	if ($got === $want) {
		echo "ok $count - $name\n";
		return;
	}
	$failures++;
	echo "not ok $count - $name\n";
	echo '# got  ', substr(json_encode($got), 0, 200), "\n";
	echo '# want ', substr(json_encode($want), 0, 200), "\n";
}

function
fails($name, $function)
{
	$got = 'no error';
	try {
		$function();
	} catch (Exception $error) {
		$got = 'an error';
	}
	check($name, $got, 'an error');
}

# Ask until it is true, but not for ever; an error is not.
function
comes($name, $question)
{
	$yes = false;
	$give_up = microtime(true) + 20;

	while (!$yes && microtime(true) < $give_up) {
		try {
			$yes = $question();
		} catch (Exception $error) {
			$yes = false;
		}
		if (!$yes)
			usleep(20000);
	}
	check($name, $yes, true);
}

function
finish()
{
	global $count, $failures;

	echo "1..$count\n";
	exit($failures > 0 ? 1 : 0);
}
