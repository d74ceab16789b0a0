-- Verifies HS256 tokens with the OpenSSL that nginx itself is linked with.
local ffi = require 'ffi'
local cjson = require 'cjson.safe'
local decodeBase64Url = require('ngx.base64').decode_base64url

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *md, const void *key, int keyLength, const unsigned char *text, size_t textLength,
                    unsigned char *digest, unsigned int *digestLength);
int CRYPTO_memcmp(const void *a, const void *b, size_t length);
]]
local C = ffi.C
local sha256 = C.EVP_sha256()
local digest = ffi.new('unsigned char[32]')

local jwt = {}

-- The claims, or nothing. `options`: secret, issuer.
function jwt.verify(token, options)
  local head, body, signature = token:match('^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$')
  if not head then return end
  local header = cjson.decode(decodeBase64Url(head) or '')
  if type(header) ~= 'table' or header.alg ~= 'HS256' or header.crit then return end
  local signed = head .. '.' .. body
  C.HMAC(sha256, options.secret, #options.secret, signed, #signed, digest, nil)
  local given = decodeBase64Url(signature)
  if not given or #given ~= 32 or C.CRYPTO_memcmp(digest, given, 32) ~= 0 then return end
  local claims = cjson.decode(decodeBase64Url(body) or '')
  if type(claims) ~= 'table' or claims.iss ~= options.issuer then return end
  local now = ngx.time()
  if type(claims.exp) ~= 'number' or claims.exp + 5 <= now then return end
  if claims.nbf and (type(claims.nbf) ~= 'number' or claims.nbf - 5 > now) then return end
  if type(claims.user_id) ~= 'string' or type(claims.tenant_id) ~= 'string' or type(claims.roles) ~= 'table' then
    return
  end
  return claims
end

return jwt
