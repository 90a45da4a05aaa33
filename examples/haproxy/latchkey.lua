-- http-request lua.latchkey URL: lets a request pass whose access token Latchkey's /verify-token takes.
-- 401 when the token is to blame. 503 when it cannot be told: clients throw a token away at 401.

local IDENTITY = { 'x-user-id', 'x-client-id', 'x-scope', 'x-roles' }

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  reply:add_header('content-type', 'application/problem+json')
  reply:add_header('cache-control', 'no-store')
  for name, value in pairs(headers) do reply:add_header(name, value) end
  reply:set_body(body)
  txn:done(reply)
end

local function unavailable(txn)
  refuse(txn, 503, { ['retry-after'] = '5' },
    '{"title":"Service unavailable","status":503,"detail":"Tokens cannot be verified right now.","code":"service_unavailable"}')
end

local function unauthorized(txn, challenge)
  refuse(txn, 401, { ['www-authenticate'] = challenge },
    '{"title":"Unauthorized","status":401,"detail":"Send a valid access token.","code":"invalid_access_token"}')
end

-- The only Authorization header, if it looks like a Bearer token (RFC 6750 section 2.1).
local function bearer_of(txn)
  local shown = txn.http:req_get_headers()['authorization']
  if shown == nil or shown[1] ~= nil then return nil end
  local token = shown[0]:match('^[Bb][Ee][Aa][Rr][Ee][Rr] +([%w._~+/-]+=*)$')
  return token and 'Bearer ' .. token
end

core.register_action('latchkey', { 'http-req' }, function(txn, url)
  local bearer = bearer_of(txn)
  if bearer == nil then return unauthorized(txn, 'Bearer realm="latchkey"') end
  local answer = core.httpclient():get({ url = url, headers = { authorization = { bearer } } })
  if answer == nil then return unavailable(txn) end
  if answer.status == 401 then
    local challenge = answer.headers['www-authenticate']
    return unauthorized(txn, challenge and challenge[0] or 'Bearer realm="latchkey"')
  end
  if answer.status ~= 200 then return unavailable(txn) end
  txn.http:req_set_header('authorization', bearer)
  for _, name in ipairs(IDENTITY) do
    local value = answer.headers[name]
    if value ~= nil then txn.http:req_set_header(name, value[0]) end
  end
end, 1)
