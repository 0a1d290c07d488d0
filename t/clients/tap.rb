# frozen_string_literal: true

# SPDX-License-Identifier: BSD-3-Clause
#
# tap.rb - the Test Anything Protocol for the clients in Ruby.
#
#	check(name, got, want)
#	raises(name, error) { ... }
#	finish				the last thing that a program does

MODE = ARGV.shift
SERVERS = ARGV.dup
PATIENCE = 20

$count = 0
$failures = 0

def skip_all(why)
  puts "1..0 # SKIP #{why}"
  exit
end

def check(name, got, want)
  $count += 1
  if got == want
    puts "ok #{$count} - #{name}"
  else
    $failures += 1
    puts "not ok #{$count} - #{name}"
    puts "# got  #{got.inspect[0, 200]}"
    puts "# want #{want.inspect[0, 200]}"
  end
end

def raises(name, error)
  got = begin
    yield
  rescue error
    error
  end
  check(name, got, error)
end

# Ask until it is true, but not for ever.
def comes(name, error)
  give_up = Time.now + PATIENCE
  got = nil
  until got == true || Time.now > give_up
    got = begin
      yield
    rescue error
      sleep 0.02
    end
  end
  check(name, got, true)
end

# End the first server and wait until it has gone; it will come back.
def restart_server
  pid = ENV.fetch('CAIRN_PID').to_i
  give_up = Time.now + PATIENCE
  Process.kill(:TERM, pid)
  while Time.now < give_up
    Process.kill(0, pid)
    sleep 0.01
  end
rescue Errno::ESRCH
  nil
end

def finish
  puts "1..#{$count}"
  exit($failures.zero? ? 0 : 1)
end
