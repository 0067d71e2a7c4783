--- Plain data as text and back, for what has to outlive a request in a shared dictionary: numbers, strings, booleans and tables of
-- these, nothing else. Nothing read back is run.
--
--   n<17 digits>;   s<length>:<octets>   t   f   {<key><value>...}
local error, pairs, pcall, tonumber, type = error, pairs, pcall, tonumber, type
local concat, format, sub, find = table.concat, string.format, string.sub, string.find

local _M = {}

local DEPTH_MAX = 16
local OCTETS_MAX = 1048576

local function put(out, value, depth)
  local kind = type(value)
  if kind == "number" then
    out[#out + 1] = format("n%.17g;", value)
  elseif kind == "string" then
    out[#out + 1] = "s" .. #value .. ":"
    out[#out + 1] = value
  elseif kind == "boolean" then
    out[#out + 1] = value and "t" or "f"
  elseif kind ~= "table" then
    error("holds a " .. kind, 0)
  else
    if depth > DEPTH_MAX then error("is nested too deep, or contains itself", 0) end
    out[#out + 1] = "{"
    for k, v in pairs(value) do
      if type(k) == "table" then error("has a table as a key", 0) end
      put(out, k, depth + 1)
      put(out, v, depth + 1)
    end
    out[#out + 1] = "}"
  end
end

--- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string why it cannot be kept
function _M.encode(value)
  local out = {}
  local ok, why = pcall(put, out, value, 1)
  if not ok then return nil, why end
  local text = concat(out)
  if #text > OCTETS_MAX then return nil, "has grown too large" end
  return text
end

local function get(text, at, depth)
  local kind = sub(text, at, at)
  if kind == "t" or kind == "f" then return kind == "t", at + 1 end
  if kind == "n" then
    local _, stop, digits = find(text, "^([^;]+);", at + 1)
    return digits and tonumber(digits), stop and stop + 1
  elseif kind == "s" then
    local _, stop, n = find(text, "^(%d+):", at + 1)
    n = tonumber(n)
    if not n or stop + n > #text then return nil end
    return sub(text, stop + 1, stop + n), stop + n + 1
  elseif kind ~= "{" or depth > DEPTH_MAX then
    return nil
  end
  local out = {}
  at = at + 1
  while sub(text, at, at) ~= "}" do
    local k, v
    k, at = get(text, at, depth + 1)
    if k == nil or not at then return nil end
    v, at = get(text, at, depth + 1)
    if v == nil or not at then return nil end
    out[k] = v
  end
  return out, at + 1
end

--- What encode was given; nil when the text is none of its.
function _M.decode(text)
  if type(text) ~= "string" then return nil end
  local value, at = get(text, 1, 1)
  if value == nil or at ~= #text + 1 then return nil end
  return value
end

return _M
