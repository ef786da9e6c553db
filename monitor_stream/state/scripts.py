"""The Lua scripts that write: each runs alone on the server, so each is one transaction.

All of a (fold, partition) is one hash, so that it is there as a whole or not at all. Its fields:

    @schema @epoch @owner      who may write, and in which form
    @commit @published         number of the last commit, number of the newest message taken out of the outbox
    @partitions                how many partitions the topic had at the last commit
    @attempt                   what is being applied, where that may crash
    offset:ROLE                the next offset to apply
    state:NAME                 the fold's state
    outbox:NUMBER              messages not known to be published

Documents for readers lie in a second hash of the same slot, which readers may fetch whole.
"""

from __future__ import annotations

import hashlib
from typing import Final


class Script:
    """A script, and the digest the server knows it by once it was sent."""

    def __init__(self, source: str) -> None:
        self.source: Final = source.strip()
        self.digest: Final = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


#: Epochs are microseconds of the server's clock, or one above the last where that is more: so none is given twice, even
#: when the server lost what it held or was restored from a backup, and JUDGE sees that history forks there.
_NEXT_EPOCH: Final = """
local function next_epoch()
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2] -- below 2^53 until the year 2255
  local last = tonumber(redis.call('HGET', KEYS[1], '@epoch') or '0')
  return string.format('%.0f', math.max(last + 1, now))
end
"""

#: ARGV: owner, schema. Answers {0, the schema found} where it is another one, else {epoch, names of all fields}.
CLAIM: Final = Script(
    _NEXT_EPOCH
    + """
local schema = redis.call('HGET', KEYS[1], '@schema')
if schema and schema ~= ARGV[2] then
  return {0, schema}
end
redis.call('HSET', KEYS[1], '@schema', ARGV[2], '@owner', ARGV[1])
local epoch = next_epoch()
redis.call('HSET', KEYS[1], '@epoch', epoch)
return {tonumber(epoch), redis.call('HKEYS', KEYS[1])}
"""
)

#: ARGV: epoch, owner, number, published, then five lists, each led by its length: offsets (field, value), other
#: fields to put (field, value), fields to delete, documents to put (name, document), documents to delete.
#: Answers 1 when the commit is written, now or before, and 0 when it is refused. Nothing is written before the last
#: check has passed; what follows cannot fail (a server short of memory refuses the first write of a script, not a
#: later one).
COMMIT: Final = Script("""
local state, results = KEYS[1], KEYS[2]
local epoch, owner, number, published = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local held = redis.call('HMGET', state, '@epoch', '@owner', '@commit', '@published')
if held[1] ~= epoch or held[2] ~= owner then
  return 0
end
local last = tonumber(held[3] or '0')
if last == number then
  -- Written before. Write something all the same: WAITAOF waits for the writes of its own connection.
  redis.call('HSET', state, '@owner', owner)
  return 1
end
if last + 1 ~= number then
  return 0 -- a commit in between was lost with the server's last second
end

local at = 5
local function list()
  local first = at + 1
  at = first + tonumber(ARGV[at])
  return first, at - 1
end
local function each_chunk(first, last, call)
  for from = first, last, 2000 do -- Lua's stack holds some 8000 values
    call(unpack(ARGV, from, math.min(from + 1999, last)))
  end
end

local offsets, offsets_end = list()
for index = offsets, offsets_end, 2 do
  local before = redis.call('HGET', state, ARGV[index])
  if before and tonumber(ARGV[index + 1]) < tonumber(before) then
    return 0
  end
end

local function put(key)
  return function(...) redis.call('HSET', key, ...) end
end
local function delete(key)
  return function(...) redis.call('HDEL', key, ...) end
end
redis.call('HSET', state, '@commit', ARGV[3], '@published', ARGV[4])
each_chunk(offsets, offsets_end, put(state))
local first, final = list()
each_chunk(first, final, put(state))
first, final = list()
each_chunk(first, final, delete(state))
first, final = list()
each_chunk(first, final, put(results))
first, final = list()
each_chunk(first, final, delete(results))
for sent = tonumber(held[4] or '0') + 1, published do
  redis.call('HDEL', state, string.format('outbox:%.0f', sent))
end
return 1
""")

#: ARGV: epoch, owner, the attempt ('' for none). Answers 1 when it is noted, 0 when it is refused.
ATTEMPT: Final = Script("""
local held = redis.call('HMGET', KEYS[1], '@epoch', '@owner')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], '@attempt')
else
  redis.call('HSET', KEYS[1], '@attempt', ARGV[3])
end
return 1
""")

#: ARGV: schema, then pairs of field and offset. Forgets all but the order of claims, so that whoever still holds one is
#: shut out, and sets where to read on.
FORGET: Final = Script(
    _NEXT_EPOCH
    + """
local epoch = next_epoch()
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], '@schema', ARGV[1], '@epoch', epoch, '@owner', '')
for index = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
end
return 1
"""
)
