-- The chain, in the order of Aegis's: request id and trace, CORS, JWT (HS256, verified tokens in a shared dictionary),
-- tenant from the host, RBAC (the upstream's decisions in a shared dictionary), token bucket in a shared dictionary,
-- metrics (counted in the worker, added to a shared dictionary every second).
local cjson = require 'cjson.safe'
local jwt = require 'jwt'
local ngx, tonumber, pairs = ngx, tonumber, pairs
local find, sub, lower, format = string.find, string.sub, string.lower, string.format
local floor, max, min = math.floor, math.max, math.min

local chain = {}
local options, tenants
local tokens, decisions = ngx.shared.tokens, ngx.shared.decisions
local buckets, metrics = ngx.shared.buckets, ngx.shared.metrics

local limit, burst, windowMs = 1000000000, 1000000000, 60000
local msPerToken = windowMs / limit
local policy = format('"per-user";q=%d;w=%d', limit, windowMs / 1000)
local fresh = {}

function chain.configure(given, givenTenants)
  options, tenants = given, givenTenants
  options.suffix = '.' .. given.baseDomain
end

local function refuse(status, code, challenge)
  ngx.header['Content-Type'] = 'application/problem+json'
  if challenge then ngx.header['WWW-Authenticate'] = challenge end
  ngx.status = status
  ngx.print('{"status":', status, ',"code":"', code, '","request_id":"', ngx.var.request_id, '"}')
  return ngx.exit(status)
end

-- user, tenant and roles of the token, or nothing.
local function authenticate(header)
  if not header or #header > 8200 or lower(sub(header, 1, 7)) ~= 'bearer ' then return end
  local token = sub(header, 8)
  local kept = tokens:get(token)
  if not kept then
    local claims = jwt.verify(token, options)
    if not claims then return end
    kept = claims.user_id .. '\n' .. claims.tenant_id .. '\n' .. table.concat(claims.roles, ',')
    tokens:set(token, kept, claims.exp - ngx.time())
  end
  local first = find(kept, '\n', 1, true)
  local second = find(kept, '\n', first + 1, true)
  return sub(kept, 1, first - 1), sub(kept, first + 1, second - 1), sub(kept, second + 1)
end

local function tenantOf(host)
  local at = #host - #options.suffix
  if at < 1 or sub(host, at + 1) ~= options.suffix then return end
  local id = sub(host, 1, at)
  return tenants[id] and id
end

local actions = { GET = 'read', HEAD = 'read', POST = 'create', PUT = 'update', PATCH = 'update', DELETE = 'delete' }

local function ask(tenant, user, roles, action)
  local answer = ngx.location.capture('/aegis/authorize', {
    method = ngx.HTTP_POST,
    body = cjson.encode {
      tenant_id = tenant, user_id = user, roles = { roles }, resource = 'items', action = action,
      request = { method = ngx.req.get_method(), path = ngx.var.uri, request_id = ngx.var.request_id },
    },
  })
  local decision = answer.status == 200 and cjson.decode(answer.body)
  if not decision then return nil end
  return decision.allowed == true, min(decision.ttl or 60, 300)
end

local function isAllowed(tenant, user, roles)
  local action = actions[ngx.req.get_method()] or 'other'
  local key = #tenant .. ':' .. tenant .. #user .. ':' .. user .. roles .. '\nitems:' .. action
  local allowed = decisions:get(key)
  if allowed == nil then
    local ttl
    allowed, ttl = ask(tenant, user, roles, action)
    if allowed ~= nil and options.keepDecisions then decisions:set(key, allowed, allowed and ttl or 5) end
  end
  return allowed
end

-- Tokens left, or nothing. The bucket is kept as the time at which it is full again.
local function take(tenant, user)
  local key = #tenant .. ':' .. tenant .. user
  local now = ngx.now() * 1000
  local fullAt = max(buckets:get(key) or now, now) + msPerToken
  local used = (fullAt - now) / msPerToken
  if used > burst then return end
  buckets:set(key, fullAt, windowMs / 1000)
  return floor(burst - used), (fullAt - now) / 1000
end

function chain.onAccess()
  local var = ngx.var
  local id = var.request_id
  -- A client's own trace is continued.
  local parent = var.http_traceparent
  local trace = parent and ngx.re.match(parent, '^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$', 'jo')
  var.traceparent = '00-' .. (trace and trace[1] or id) .. '-' .. sub(id, 1, 16) .. '-' .. (trace and trace[2] or '01')

  local user, claimed, roles = authenticate(var.http_authorization)
  if not user then return refuse(401, 'AEGIS_UNAUTHENTICATED', 'Bearer realm="aegis", error="invalid_token"') end
  local tenant = tenantOf(var.host)
  if not tenant then return refuse(404, 'AEGIS_UNKNOWN_TENANT') end
  if tenants[tenant] ~= 'active' then return refuse(403, 'AEGIS_TENANT_SUSPENDED') end
  if tenant ~= claimed then return refuse(403, 'AEGIS_TENANT_MISMATCH') end
  var.tenant, var.user, var.roles = tenant, user, roles

  local allowed = isAllowed(tenant, user, roles)
  if allowed == nil then return refuse(503, 'AEGIS_AUTHORIZATION_UNAVAILABLE') end
  if not allowed then return refuse(403, 'AEGIS_PERMISSION_DENIED') end
  local left, reset = take(tenant, user)
  if not left then return refuse(429, 'AEGIS_RATE_LIMITED') end
  ngx.ctx.rateLimit = format('"per-user";r=%d;t=%d', left, reset)
end

function chain.onHeaders()
  local header = ngx.header
  header['X-Request-Id'] = ngx.var.request_id
  header['Access-Control-Allow-Origin'] = '*'
  local rateLimit = ngx.ctx.rateLimit
  if rateLimit then
    header['RateLimit-Policy'] = policy
    header['RateLimit'] = rateLimit
  end
end

local bounds = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 }

local function count(name, by) fresh[name] = (fresh[name] or 0) + by end

-- Key names of each histogram's buckets, made once.
local names = setmetatable({}, { __index = function(all, histogram)
  local made = { sum = histogram .. '_sum', inf = histogram .. '_bucket{le="+Inf"}' }
  for index, bound in ipairs(bounds) do made[index] = histogram .. '_bucket{le="' .. bound .. '"}' end
  all[histogram] = made
  return made
end })

local function observe(histogram, seconds)
  local name = names[histogram]
  local index = 1
  while bounds[index] and seconds > bounds[index] do index = index + 1 end
  count(name[index] or name.inf, 1)
  count(name.sum, seconds)
end

function chain.onLog()
  local var = ngx.var
  local status = ngx.status
  local total = tonumber(var.request_time) or 0
  local upstream = tonumber(var.upstream_response_time) or 0
  count('http_requests_total{items,' .. var.request_method .. ',' .. status .. '}', 1)
  count('tenant_requests_total{' .. var.tenant .. ',' .. floor(status / 100) .. 'xx}', 1)
  observe('request_duration_seconds', total)
  observe('upstream_duration_seconds', upstream)
  observe('gateway_duration_seconds', max(0, total - upstream))
end

local function publish()
  local batch = fresh
  fresh = {}
  for name, by in pairs(batch) do metrics:incr(name, by, 0) end
end

function chain.startWorker() ngx.timer.every(1, publish) end

function chain.printMetrics()
  publish()
  for _, name in ipairs(metrics:get_keys(0)) do ngx.say(name, ' ', metrics:get(name)) end
end

return chain
