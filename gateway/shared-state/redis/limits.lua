-- All limits of one request in one step: the algorithms of gateway/shared-state/algorithms.ts, number for number
-- (doubles both), over rows that Redis keeps. Sent by counters.ts; both stores pass test/gateway/shared-state/conformance.ts.
--
-- KEYS     one per limit; limits with one key share its row
-- ARGV[1]  what to do: take (all or none), peek, add (units that were let through elsewhere, whatever the limit says),
--          or give (back what was just taken)
-- ARGV[2]  the time in ms; empty: Redis' own
-- ARGV[3]  ms that a row outlives the moment at which its limit is wholly free
-- ARGV[4+] per limit: algorithm (f, s, t, l), limit, windowMs, burst, cost, 1 for a shaper else 0
-- Answers five values per limit: allowed, remaining, resetMs, retryAfterMs, delayMs. To add: the row as text, times as ages.

local SHARES = 8
local ENTRIES = SHARES + 1
local SLACK = 1e-6
local doing = ARGV[1]
local keep = tonumber(ARGV[3])
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local now
if ARGV[2] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
else
  now = tonumber(ARGV[2])
end

local function parse(text)
  local algorithm, limit, window, burst, cost, shape = string.match(text, '^(%a) (%S+) (%S+) (%S+) (%S+) (%d)$')
  local check = {
    algorithm = algorithm, limit = tonumber(limit), window = tonumber(window),
    cost = tonumber(cost), shape = shape == '1',
  }
  burst = tonumber(burst)
  local bucket = algorithm == 't' or algorithm == 'l'
  check.capacity = bucket and burst > 0 and burst or check.limit
  check.cells = algorithm == 's' and 1 + 2 * ENTRIES or 2
  check.format = '<' .. string.rep('d', check.cells)
  return check
end

local function never(check)
  local wait = ceil(check.window)
  return { allowed = false, remaining = 0, reset = wait, retry = wait, delay = 0 }
end

-- Row: opened at, count.
local function fixedWindow(check, row, taking)
  local opened, count = row[1], row[2]
  local at = max(now, opened)
  if count == 0 or at - opened >= check.window then
    opened = at
    count = 0
  end
  local fits = count + check.cost <= check.limit
  if (fits or doing == 'add') and taking then
    count = count + check.cost
    row[1] = opened
    row[2] = count
  end
  local ends = ceil(check.window - (at - opened))
  return {
    allowed = fits, remaining = max(0, check.limit - count),
    reset = count == 0 and 0 or ends, retry = fits and 0 or ends, delay = 0,
  }
end

-- Row: level, when it held.
local function bucket(check, row, taking)
  local depth = check.capacity
  local perUnit = check.window / check.limit
  local last = row[2]
  local at = max(now, last)
  local ahead = at - now
  local before = min(depth, max(0, row[1] - (at - last) / perUnit))
  local fits = before + check.cost <= depth + SLACK
  local level = before
  if (fits or doing == 'add') and taking then
    level = level + check.cost
    local over = max(0, level - depth)
    if over > SLACK then
      -- A bucket is never more than full: what is too much leaks first, until a moment to come.
      at = min(at + over * perUnit, now + check.window)
      ahead = at - now
      level = depth
    end
    row[1] = level
    row[2] = at
  end
  return {
    allowed = fits, remaining = max(0, floor(depth - level + SLACK)),
    reset = ceil(max(0, level - SLACK) * perUnit + ahead),
    retry = fits and 0 or max(1, ceil((before + check.cost - depth - SLACK) * perUnit + ahead)),
    delay = fits and check.shape and before * perUnit or 0,
  }
end

-- Row: when the newest entry was opened, then (last passed at, units) each, newest first.
local function unitsInLog(row, at, window)
  local used = 0
  for cell = 2, 2 * ENTRIES, 2 do
    if at - row[cell] < window then used = used + row[cell + 1] end
  end
  return used
end

local function waitInLog(check, row, at, used)
  local left = used
  for cell = 2 * ENTRIES, 2, -2 do
    local age = at - row[cell]
    if age < check.window then
      left = left - row[cell + 1]
      if left + check.cost <= check.limit then return max(1, ceil(check.window - age)) end
    end
  end
  return ceil(check.window)
end

local function logUnits(check, row, at)
  local newestLives = row[3] > 0 and at - row[2] < check.window
  local oldestLives = row[2 * ENTRIES + 1] > 0 and at - row[2 * ENTRIES] < check.window
  if not (newestLives and (at - row[1] < check.window / SHARES or oldestLives)) then
    for cell = 2 * ENTRIES + 1, 4, -1 do row[cell] = row[cell - 2] end
    row[1] = at
    row[3] = 0
  end
  row[2] = at
  row[3] = row[3] + check.cost
end

local function slidingWindow(check, row, taking)
  local at = max(now, row[2])
  local used = unitsInLog(row, at, check.window)
  local fits = used + check.cost <= check.limit
  local retry = fits and 0 or waitInLog(check, row, at, used)
  local after = used
  if (fits or doing == 'add') and taking then
    logUnits(check, row, at)
    after = used + check.cost
  end
  return {
    allowed = fits, remaining = max(0, check.limit - after),
    reset = after == 0 and 0 or ceil(check.window - (at - row[2])), retry = retry, delay = 0,
  }
end

local function give(check, row)
  local cost = check.cost
  if check.algorithm ~= 's' then
    local cell = check.algorithm == 'f' and 2 or 1
    row[cell] = max(0, row[cell] - cost)
    return
  end
  for cell = 3, 2 * ENTRIES + 1, 2 do
    local part = min(cost, row[cell])
    row[cell] = row[cell] - part
    cost = cost - part
  end
end

local function apply(check, row, taking)
  if not (check.limit > 0) or check.cost > check.capacity and doing ~= 'add' then return never(check) end
  if check.algorithm == 'f' then return fixedWindow(check, row, taking) end
  if check.algorithm == 's' then return slidingWindow(check, row, taking) end
  return bucket(check, row, taking)
end

-- The clock was set back by more than a window (or a primary with another clock took over): times move to now.
local function rebase(check, row)
  local cell = check.algorithm == 'f' and 1 or 2
  local last = row[cell]
  if last - now <= check.window then return false end
  if check.algorithm ~= 's' then
    row[cell] = now
    return true
  end
  local all = 0
  for entry = 2, 2 * ENTRIES, 2 do
    if row[entry] > last - check.window then all = all + row[entry + 1] end
    row[entry] = now
    row[entry + 1] = 0
  end
  row[1] = now
  row[3] = all
  return true
end

local checks, kept, moved = {}, {}, {}
for i, key in ipairs(KEYS) do
  local check = parse(ARGV[3 + i])
  checks[i] = check
  if not kept[key] then
    local row = {}
    local text = redis.call('GET', key)
    if text and #text == 8 * check.cells then
      row = { struct.unpack(check.format, text) }
    else
      for cell = 1, check.cells do row[cell] = 0 end
    end
    moved[key] = rebase(check, row)
    kept[key] = row
  end
end

local function copyOf(row, cells)
  local copy = {}
  for cell = 1, cells do copy[cell] = row[cell] end
  return copy
end

local states, counted, passed = {}, {}, true
for i, key in ipairs(KEYS) do
  if doing == 'give' then give(checks[i], kept[key]) end
  local row = counted[key] or copyOf(kept[key], checks[i].cells)
  counted[key] = row
  states[i] = apply(checks[i], row, doing == 'take' or doing == 'add')
  passed = passed and states[i].allowed
end

local charges = doing == 'add' or doing == 'take' and passed
if doing == 'take' and not passed then
  -- The checks that would have let it pass took nothing after all.
  for i, key in ipairs(KEYS) do
    if states[i].allowed then states[i] = apply(checks[i], copyOf(kept[key], checks[i].cells), false) end
  end
end

local rows = charges and counted or kept
for i, key in ipairs(KEYS) do
  if charges and checks[i].limit > 0 or moved[key] or doing == 'give' then
    local lives = string.format('%.0f', max(1, states[i].reset + keep))
    redis.call('SET', key, struct.pack(checks[i].format, unpack(rows[key], 1, checks[i].cells)), 'PX', lives)
  end
end

local answer = {}
if doing == 'add' then
  for i, key in ipairs(KEYS) do
    local check, row = checks[i], copyOf(rows[key], checks[i].cells)
    if check.algorithm == 'f' then
      row[1] = now - row[1]
    elseif check.algorithm == 's' then
      row[1] = now - row[1]
      for cell = 2, 2 * ENTRIES, 2 do row[cell] = now - row[cell] end
    else
      row[2] = now - row[2]
    end
    for cell = 1, check.cells do row[cell] = string.format('%.17g', row[cell]) end
    answer[i] = table.concat(row, ' ')
  end
  return answer
end
for _, state in ipairs(states) do
  answer[#answer + 1] = state.allowed and 1 or 0
  answer[#answer + 1] = state.remaining
  answer[#answer + 1] = state.reset
  answer[#answer + 1] = state.retry
  answer[#answer + 1] = state.delay > 0 and string.format('%.17g', state.delay) or 0
end
return answer
