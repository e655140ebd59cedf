//! What the server does in one step. Each script touches keys of one slot only.

use redis::Pipeline;

/// Grants a lease (ARGV: token, milliseconds): -1, or how long somebody else's lasts.
pub(super) const ACQUIRE: &str = "\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return redis.call('PTTL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return -1";

/// Renews a lease (ARGV: token, milliseconds).
pub(super) const RENEW: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Ends a lease (ARGV: token).
pub(super) const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// Writes a value (KEYS: lease, value; ARGV: token, value, milliseconds) while the lease is held.
pub(super) const WRITE_HELD: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1";

/// Puts jobs (ARGV: the most that may be in it, jobs) at the end of a queue.
pub(super) const ENQUEUE: &str = "\
if redis.call('XLEN', KEYS[1]) + #ARGV - 1 > tonumber(ARGV[1]) then return 0 end
for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'job', ARGV[i]) end
return 1";

/// Forgets workers (ARGV: group, milliseconds) that hold nothing and were not heard of for that long.
pub(super) const DISMISS: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local gone = 0
for _, worker in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local is = {}
  for i = 1, #worker, 2 do is[worker[i]] = worker[i + 1] end
  if is.pending == 0 and is.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
    gone = gone + 1
  end
end
return gone";

/// Begins an epoch of a log (ARGV: epoch, milliseconds): how many entries there are, or -1.
pub(super) const BEGIN: &str = "\
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local epoch, number = 0, 0
if last then
  epoch, number = string.match(last[1], '(%d+)-(%d+)')
  epoch, number = tonumber(epoch), tonumber(number)
end
if epoch > tonumber(ARGV[1]) then return -1 end
if epoch < tonumber(ARGV[1]) then
  redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. number, 'mark', '')
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return number";

/// Appends entries to a log (ARGV: epoch, first number, milliseconds, entries).
pub(super) const APPEND: &str = "\
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local epoch, number = 0, 0
if last then
  epoch, number = string.match(last[1], '(%d+)-(%d+)')
  epoch, number = tonumber(epoch), tonumber(number)
end
if epoch > tonumber(ARGV[1]) then return 0 end
for i = 4, #ARGV do
  local this = ARGV[2] + i - 4
  if epoch < tonumber(ARGV[1]) or this > number then
    redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. string.format('%d', this), 'entry', ARGV[i])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";

/// A request that runs the script; its arguments follow.
pub(super) fn run(script: &str, keys: &[String]) -> Pipeline {
    let mut request = Pipeline::new();
    request.cmd("EVAL").arg(script).arg(keys.len()).arg(keys);
    request
}
