-- What wrk sends and how it reports; options are name=value after "--" (bench/load/wrk.ts). A plain GET runs no Lua per
-- request: `request` and `delay` are only defined where they are asked for.
local requests, nextRequest = nil, 0

local function readAll(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local function formatTokens(path, first)
  requests = {}
  local headers = {}
  for name, value in pairs(wrk.headers) do headers[name] = value end
  for token in io.lines(path) do
    headers.authorization = 'Bearer ' .. token
    requests[#requests + 1] = wrk.format(nil, nil, headers)
  end
  nextRequest = first % #requests
end

function init(args)
  local options = {}
  for _, arg in ipairs(args) do
    local name, value = arg:match('^(%w+)=(.*)$')
    if name then options[name] = value end
  end
  wrk.method = options.method or 'GET'
  if options.bodyFile then wrk.body = readAll(options.bodyFile) end
  if options.tokenFile then
    formatTokens(options.tokenFile, tonumber(options.firstToken or 0))
    request = function()
      nextRequest = nextRequest % #requests + 1
      return requests[nextRequest]
    end
  end
  if options.perSecond then
    local meanMs = 1000 * tonumber(options.connections) / tonumber(options.perSecond)
    -- Uniform around the mean, so that the connections do not march in step.
    delay = function() return math.random(0, math.floor(2 * meanMs)) end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"bytes":%d,"p50Ms":%.3f,"p99Ms":%.3f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
