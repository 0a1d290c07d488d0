# frozen_string_literal: true

# SPDX-License-Identifier: BSD-3-Clause
#
# dalli_mixed.rb - talk to servers the way ruby's dalli does:
#
#	dalli_mixed.rb binary|sasl|meta HOST:PORT HOST:PORT
#
# With sasl each connection logs in with the name and the password that the
# environment has in CAIRN_USER and CAIRN_PASSWORD.

def skip_all(why)
  puts "1..0 # SKIP #{why}"
  exit
end

begin
  require 'dalli'
rescue LoadError
  skip_all 'dalli is not installed'
end

MODE = ARGV.shift
SERVERS = ARGV.dup
if MODE == 'meta' && !Dalli::Protocol.const_defined?(:Meta)
  skip_all "only dalli from 3.2 on speaks meta, this is #{Dalli::VERSION}"
end
Dalli.logger.level = Logger::FATAL

$count = 0
$failures = 0

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
def comes(name)
  got = nil
  1000.times do
    got = begin
      yield
    rescue Dalli::DalliError
      nil
    end
    break if got

    sleep 0.02
  end
  check(name, got, true)
end

# What the mode asks of each client.
def mode_options
  case MODE
  when 'sasl'
    { username: ENV.fetch('CAIRN_USER'),
      password: ENV.fetch('CAIRN_PASSWORD') }
  when 'meta'
    { protocol: :meta }
  else
    {}
  end
end

def connect(servers = SERVERS[0], **options)
  Dalli::Client.new(servers, { socket_timeout: 10, down_retry_delay: 0,
                               value_max_bytes: 1 << 30 }
                             .merge(mode_options, options))
end

# A unique, 0 or nil by the binary protocol, true or false by the other.
def done?(result)
  result ? result != 0 : false
end

def storage(client)
  check('set', done?(client.set('a', 'one')), true)
  check('get', client.get('a'), 'one')
  check('get of a missing key', client.get('none'), nil)
  check('add to a key that is there', client.add('a', 'x'), false)
  check('add', done?(client.add('b', '2', nil, raw: true)), true)
  check('replace', done?(client.replace('b', '3', nil, raw: true)), true)
  check('replace nothing', done?(client.replace('none', '3')), false)
  check('append', done?(client.append('b', '4')), true)
  check('prepend', done?(client.prepend('b', '2')), true)
  check('the result', client.get('b', raw: true), '234')
  check('append to nothing', done?(client.append('none', '4')), false)
  check('delete', done?(client.delete('b')), true)
  check('delete again', done?(client.delete('b')), false)
  check('fetch makes', client.fetch('made') { 'up' }, 'up')
  check('fetch finds', client.fetch('made') { 'anew' }, 'up')
end

def values(client)
  { text: "gr\u00fcn", bytes: "\0\xff\r\nEND\r\n".b, empty: '', number: -42,
    great: 2**70, list: [1, 'two', { three: nil }] }.each do |name, thing|
    client.set('thing', thing)
    check("set and get: #{name}", client.get('thing'), thing)
  end
  random = Random.new(1)
  [0, 1, 100, 10_000, 900_000].each do |length|
    value = random.bytes(length)
    client.set('large', value, nil, raw: true)
    check("set and get #{length} bytes",
          client.get('large', raw: true) == value, true)
  end
  text = 'compress me ' * 10_000
  client.set('large', text, nil, compress: true)
  check('set and get what can be compressed', client.get('large') == text, true)
  check('a key of 250 bytes', (client.set('k' * 250, 'x') and
                               client.get('k' * 250)), 'x')
  check("a key in Greek", (client.set("\u03ba\u03bb", 'x') and
                           client.get("\u03ba\u03bb")), 'x')
  check('a longer key', (client.set('k' * 300, 'y') and
                         client.get('k' * 300)), 'y')
end

def too_large(client)
  value = Random.new(2).bytes((1 << 20) + 1)
  got = begin
    client.set('large', value, nil, raw: true) ? :stored : :refused
  rescue Dalli::ValueOverMaxSize, Dalli::DalliError
    :refused
  end
  check('too large a value', got, :refused)
  client.set('large', 'x')
  check('the connection is in order', client.get('large'), 'x')
end

def counters(client)
  client.set('n', 10, nil, raw: true)
  check('incr', client.incr('n', 5), 15)
  check('decr', client.decr('n', 7), 8)
  check('decr to 0', client.decr('n', 100), 0)
  check('incr nothing', client.incr('nowhere', 1), nil)
  check('incr with an initial value', client.incr('fresh', 1, 1000, 100), 100)
  check('incr goes on', client.incr('fresh', 1, 1000, 100), 101)
  check('decr with an initial value', client.decr('fresher', 1, nil, 50), 50)
  check('decr goes on', client.decr('fresher', 1, nil, 50), 49)
  client.set('word', 'abc', nil, raw: true)
  raises('incr of a word', Dalli::DalliError) { client.incr('word') }
  check('the connection is in order', client.get('word', raw: true), 'abc')
end

def uniques(client)
  client.set('c', 1)
  check('cas', done?(client.cas('c') { |value| value + 1 }), true)
  check('the value', client.get('c'), 2)
  check('cas of nothing', client.cas('none') { |_| 1 }, nil)
  changed = client.cas('c') do |value|
    client.set('c', 10)
    value + 1
  end
  check('cas of what changed meanwhile', changed, false)
  value, unique = client.get_cas('c')
  check('get_cas', value, 10)
  check('set_cas', done?(client.set_cas('c', 11, unique)), true)
  check('set_cas again', client.set_cas('c', 12, unique), false)
  check('replace_cas', client.replace_cas('c', 12, unique), false)
  check('delete_cas', client.delete_cas('c', unique), false)
  _, unique = client.get_cas('c')
  check('delete_cas anew', client.delete_cas('c', unique), true)
  check('is gone', client.get('c'), nil)
end

def many(client)
  values = (1..300).to_h { |n| ["m#{n}", 'v' * n] }
  quiet(client) { values.each { |key, value| client.set(key, value) } }
  check('get_multi', client.get_multi(values.keys + ['none']), values)
  found = client.get_multi_cas('m1', 'none', 'm2')
  check('get_multi_cas', found.transform_values(&:first),
        { 'm1' => 'v', 'm2' => 'vv' })
  quiet(client) { values.each_key { |key| client.delete(key) } }
  check('all gone', client.get_multi(values.keys), {})
end

# Requests without replies, as a batch.
def quiet(client, &block)
  client.respond_to?(:quiet) ? client.quiet(&block) : client.multi(&block)
end

def expiry(client)
  client.set('t', 'x', 1000)
  check('an expiry to come', client.get('t'), 'x')
  check('touch', done?(client.touch('t', 100)), true)
  check('touch nothing', client.touch('none', 100), nil)
  check('gat', client.gat('t', 100), 'x')
  check('gat of nothing', client.gat('none', 100), nil)
  client.set('t', 'x', Time.now.to_i + 3600)
  check('an hour from now', client.get('t'), 'x')
end

def statistics(client)
  stats = client.stats[SERVERS[0]]
  check('stats', stats['cmd_get'].to_i.positive? &&
                 stats['curr_items'].to_i.positive?, true)
  settings = client.stats(:settings)[SERVERS[0]]
  check('stats settings', settings['maxbytes'].to_i.positive?, true)
  check('reset_stats', client.reset_stats.length, 1)
  check('version', client.version[SERVERS[0]].match?(/^1\.\d+\.\d+/), true)
  check('alive', done?(client.alive!), true)
  check('flush', client.flush.length, 1)
  check('flushed', client.get('a'), nil)
end

def two_servers
  both = connect(SERVERS, namespace: 'two')
  values = (1..500).to_h { |n| ["spread#{n}", "value #{n}"] }
  values.each { |key, value| both.set(key, value) }
  check('two servers: get_multi', both.get_multi(values.keys), values)
  halves = SERVERS.map do |server|
    connect(server, namespace: 'two').get_multi(values.keys).keys
  end
  check('two servers: both have some', halves.map { |half| half.length > 50 },
        [true, true])
  check('two servers: none has another\'s', halves[0] & halves[1], [])
  check('two servers: delete',
        values.keys.count { |key| both.delete(key) }, 500)
end

# Processes that add by cas, and by incr, lose nothing.
def at_once
  shared = connect
  shared.set('sum', 0, nil, raw: true)
  shared.set('total', 0)
  children = (1..4).map do |name|
    fork do
      work(connect, name)
      exit!(true)
    rescue StandardError
      exit!(false)
    end
  end
  statuses = children.map { |pid| Process.wait2(pid)[1].success? }
  check('processes read their own', statuses, [true] * 4)
  check('processes count', shared.get('sum', raw: true).to_i, 400)
  check('processes add by cas', shared.get('total'), 400)
end

def work(client, name)
  100.times do |n|
    key = "p#{name}.#{n % 10}"
    client.set(key, [name, n])
    raise 'another value' if client.get(key) != [name, n]

    client.incr('sum')
    nil until client.cas('total') { |value| value + 1 }
  end
end

def threads
  client = connect(threadsafe: true)
  wrong = (1..4).map do |name|
    Thread.new do
      (0...100).count do |n|
        client.set("t#{name}", n)
        client.get("t#{name}") != n
      end
    end
  end
  check('threads share a client', wrong.map(&:value), [0] * 4)
end

def wrong_password
  raises('a wrong password', Dalli::DalliError) do
    connect(SERVERS[0], password: 'wrong').set('a', '1')
  end
end

def restart(client)
  client.set('before', 'x')
  Process.kill(:TERM, ENV.fetch('CAIRN_PID').to_i)
  comes('after a restart the cache is empty') { client.get('before').nil? }
  client.set('after', 'y')
  check('and works', client.get('after'), 'y')
end

client = connect
storage(client)
values(client)
too_large(client)
counters(client)
uniques(client)
many(client)
expiry(client)
statistics(client)
client.set('brief', 'x', 1)
two_servers
wrong_password if MODE == 'sasl'
threads
at_once
comes('a second later it is gone') { client.get('brief').nil? }
restart(client)
puts "1..#{$count}"
exit($failures.zero?)
