# frozen_string_literal: true

# SPDX-License-Identifier: BSD-3-Clause
#
# redis_rb_mixed.rb - talk to a server the way ruby's redis does:
#
#	redis_rb_mixed.rb text|login HOST:PORT
#
# With login it is the user CAIRN_USER with the password CAIRN_PASSWORD.

require_relative 'tap'

begin
  require 'redis'
rescue LoadError
  skip_all 'ruby-redis is not installed'
end

HOST, PORT = SERVERS.first.split(':')

def connect(**options)
  if MODE == 'login'
    options = { username: ENV.fetch('CAIRN_USER'),
                password: ENV.fetch('CAIRN_PASSWORD') }.merge(options)
  end
  Redis.new(host: HOST, port: PORT.to_i, timeout: 20, **options)
end

def strings(client)
  check('ping', client.ping, 'PONG')
  check('set', client.set('a', 'one'), 'OK')
  check('get', client.get('a'), 'one')
  check('get of a missing key', client.get('none'), nil)
  check('set of what is there', client.set('a', 'x', nx: true), false)
  check('set that expires', client.set('e', 'x', px: 100_000), 'OK')
  check('set and get', client.set('a', 'two', get: true), 'one')
  check('mset', client.mset('a', 1, 'b', 2), 'OK')
  check('mget', client.mget('a', 'none', 'b'), ['1', nil, '2'])
  check('mapped_mget', client.mapped_mget('a', 'none'),
        { 'a' => '1', 'none' => nil })
  check('msetnx', client.msetnx('b', 1, 'c', 2), false)
  check('append', client.append('a', '23'), 3)
  check('getrange', client.getrange('a', 1, -1), '23')
  check('getset', client.getset('a', 'x'), '123')
  check('getdel', client.getdel('a'), 'x')
  check('getex', client.getex('b', ex: 100), '2')
  check('incr', client.incr('n'), 1)
  check('incrby', client.incrby('n', 41), 42)
  check('decrby', client.decrby('n', 50), -8)
  check('incrbyfloat', client.incrbyfloat('n', 0.5), -7.5)
  raises('incr of a fraction', Redis::CommandError) { client.incr('n') }
end

def keys(client)
  check('exists', client.exists('b', 'none', 'n'), 2)
  check('exists?', client.exists?('none'), false)
  check('del', client.del('b', 'none'), 1)
  check('type', client.type('n'), 'string')
  check('rename', client.rename('n', 'm'), 'OK')
  check('expire', client.expire('m', 100), true)
  check('ttl', client.ttl('m').between?(99, 100), true)
  check('persist', client.persist('m'), true)
  check('pexpireat', client.pexpireat('m', 1), true)
  check('is gone', client.exists('m'), 0)
  client.mset((0...1000).flat_map { |n| ["s#{n}", n] })
  check('scan_each', client.scan_each(match: 's*', count: 100).to_a.sort,
        (0...1000).map { |n| "s#{n}" }.sort)
  check('keys', client.keys('s99?').length, 10)
end

def hashes(client)
  fields = (0...1000).to_h { |n| ["f#{n}", n.to_s] }
  check('hset', client.hset('h', 'a', 1, 'b', 2), 2)
  check('hget', client.hget('h', 'a'), '1')
  check('hgetall', client.hgetall('h'), { 'a' => '1', 'b' => '2' })
  check('hmget', client.hmget('h', 'a', 'none'), ['1', nil])
  check('hincrby', client.hincrby('h', 'a', 41), 42)
  check('hincrbyfloat', client.hincrbyfloat('h', 'a', 0.5), 42.5)
  check('hdel', client.hdel('h', 'a', 'none'), 1)
  check('mapped_hmset', client.mapped_hmset('large', fields), 'OK')
  check('hgetall of many', client.hgetall('large'), fields)
  check('hscan_each', client.hscan_each('large', count: 100).to_h, fields)
  check('del', client.del('h', 'large'), 2)
end

def pipelines(client)
  got = client.pipelined do |pipeline|
    1000.times do |n|
      pipeline.set("p#{n}", n)
      pipeline.get("p#{n}")
    end
  end
  check('a pipeline', got, (0...1000).flat_map { |n| ['OK', n.to_s] })
  future = nil
  client.pipelined { |pipeline| future = pipeline.incr('p1') }
  check('a value to come', future.value, 2)
end

def transactions(client)
  got = client.multi do |transaction|
    transaction.set('t', 1)
    transaction.incr('t')
  end
  check('a transaction', got, ['OK', 2])
  got = client.watch('t') do
    connect.set('t', 'other')
    client.multi { |transaction| transaction.set('t', 'mine') }
  end
  check('one that comes too late', [got, client.get('t')], [nil, 'other'])
end

def messages(client)
  got = []
  listener = connect
  listener.subscribe('news') do |on|
    on.subscribe { |_channel, _count| client.publish('news', 'hello') }
    on.message do |channel, message|
      got << channel << message
      listener.unsubscribe
    end
  end
  check('a message', got, %w[news hello])
end

def values(client)
  [0, 1, 100, 20_000, 900_000].each do |length|
    value = Random.bytes(length)
    check("set #{length} bytes", client.set('length', value), 'OK')
    check("get #{length} bytes", client.get('length').b == value, true)
  end
  key = (0..255).to_a.pack('c*')
  check('a key of any bytes', [client.set(key, 'v'), client.get(key)],
        %w[OK v])
end

def server(client)
  three = connect(db: 3, id: 'mixed')
  three.set('only here', 1)
  check('another database', [three.dbsize, client.get('only here')], [1, nil])
  check('its name', three.client(:getname), 'mixed')
  check('info', client.info['redis_mode'], 'standalone')
  check('info of a section', client.info('keyspace').key?('db3'), true)
  check('config', client.config(:get, 'databases'), { 'databases' => '16' })
  check('time', client.time.length, 2)
  check('slowlog', client.slowlog(:get), [])
  check('flushdb', [three.flushdb, three.dbsize], ['OK', 0])
  check('flushall', [client.flushall, client.dbsize], ['OK', 0])
end

def strangers
  raises('nobody is let in', Redis::CommandError) do
    Redis.new(host: HOST, port: PORT.to_i).get('a')
  end
  raises('nor with a wrong password', Redis::CommandError) do
    connect(password: 'no').get('a')
  end
end

client = connect
strings(client)
keys(client)
hashes(client)
pipelines(client)
transactions(client)
messages(client)
values(client)
server(client)
if MODE == 'login'
  strangers
else
  restart_server
  comes('a server that came back is used', Redis::BaseError) do
    client.set('again', 1) == 'OK'
  end
end
finish
