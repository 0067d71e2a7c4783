--- What a script calls `out`, where the host has the sockets: samples of one run, and the pages made of them. As the engine's: nil is
-- skipped, labels are merged, the same name and labels twice are an error.
local error, ipairs, next, pairs, setmetatable, tostring, type = error, ipairs, next, pairs, setmetatable, tostring, type
local byte, concat, find, format, gsub, sort = string.byte, table.concat, string.find, string.format, string.gsub, table.sort
local core = require "moonpoll.core"
local fmt = core.fmt

local _M = {}

local LABELS_MAX = 64

local function label(key, value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" or kind == "boolean" then return fmt(value) end
  error(format("label %s: a string, number or boolean expected, got a %s", key, kind), 3)
end

local function key_of(labels)
  local words = {}
  for k, v in pairs(labels) do words[#words + 1] = #k .. ":" .. k .. #v .. ":" .. v end
  sort(words)
  return concat(words)
end

local out = {}
out.__index = out
out.__metatable = false

local sheets = setmetatable({}, { __mode = "k" })

local function sheet_of(self)
  local s = sheets[self]
  if not s then error("bad argument #1 (an out expected: call its methods with a colon, out:gauge(...))", 3) end
  if s.run.over then error("the run of this out is over", 3) end
  return s
end

local function push(run, labels)
  local self = setmetatable({}, out)
  sheets[self] = { run = run, labels = labels, key = key_of(labels) }
  return self
end

function out.with(self, labels)
  local s, merged, n = sheet_of(self), {}, 0
  if type(labels) ~= "table" then error("bad argument #1 to 'with' (table expected, got " .. type(labels) .. ")", 2) end
  for k, v in pairs(s.labels) do merged[k] = v end
  for k, v in pairs(labels) do
    if type(k) ~= "string" then error("label names are strings, got a " .. type(k), 2) end
    if k == "device" then error("label device: every sample has it by itself", 2) end
    merged[k] = label(k, v)
  end
  for _ in pairs(merged) do n = n + 1 end
  if n > LABELS_MAX then error("more than " .. LABELS_MAX .. " labels", 2) end
  return push(s.run, merged)
end

local function is_number(value) return type(value) == "number" or type(value) == "boolean" or core.fmt(value) ~= nil and type(value) == "cdata" end

local function sample(kind, texts)
  return function(self, name, value)
    local s = sheet_of(self)
    if type(name) ~= "string" or name == "" then error("bad argument #1 to '" .. kind .. "' (the name of a sample expected)", 2) end
    if value == nil or (type(value) == "number" and value - value ~= 0) then -- no output can say inf or nan
      s.run.skipped = s.run.skipped + 1
      return
    end
    if type(value) == "boolean" then value = value and 1 or 0 end
    if not is_number(value) and not (texts and type(value) == "string") then
      error(format("bad argument #2 to '%s' (a %s expected, got a %s)", kind, texts and "number, string or boolean" or "number", type(value)), 2)
    end
    local key = name .. "\0" .. s.key
    if s.run.seen[key] then error(name .. ": a sample of this name with the same labels was written before in this run", 2) end
    s.run.seen[key] = true
    local list = s.run.samples
    list[#list + 1] = { name = name, type = kind, value = type(value) == "cdata" and fmt(value) or value, exact = type(value) == "cdata",
      labels = s.labels, t = s.run.clock() }
  end
end

out.counter, out.gauge = sample("counter", false), sample("gauge", false)
out.info, out.state, out.event = sample("info", true), sample("state", true), sample("event", true)

--- The out of a run, and the run: samples, skipped; over is set when no more may come.
-- @tparam function clock  wall clock
-- @tparam table labels  those of the device
function _M.begin(clock, labels)
  local run = { samples = {}, seen = {}, skipped = 0, clock = clock }
  local own = {}
  for k, v in pairs(labels or {}) do own[tostring(k)] = label(k, v) end
  return push(run, own), run
end

-- ---- pages ----

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c) return escapes[c] or format("\\u%04x", byte(c)) end

--- A JSON string; octets that are no text are escaped one by one.
local function quoted(text)
  local plain = core.text(text) == text or not find(text, "[\128-\255]")
  return '"' .. gsub(text, plain and '[%c"\\\127]' or '[%c"\\\127-\255]', escape) .. '"'
end

local function number(sample_)
  if sample_.exact then return sample_.value end
  return type(sample_.value) == "string" and quoted(sample_.value) or fmt(sample_.value)
end

local function object(labels)
  local keys, words = {}, {}
  for k in pairs(labels) do keys[#keys + 1] = k end
  sort(keys)
  for i, k in ipairs(keys) do words[i] = quoted(k) .. ":" .. quoted(labels[k]) end
  return "{" .. concat(words, ",") .. "}"
end

--- One object of a run: device, probe, t, up, run_seconds, run_error, samples as the engine's lines have them.
function _M.json(result)
  local words = {}
  for i, s in ipairs(result.samples) do
    words[i] = format('{"t":%.3f,"name":%s,"type":"%s","value":%s,"labels":%s}', s.t, quoted(s.name), s.type, number(s), object(s.labels))
  end
  local err = result.code and format(',"error":{"code":%s,"text":%s}', quoted(result.code), quoted(result.text)) or ""
  return format('{"device":%s,"probe":%s,"t":%.3f,"up":%d,"run_seconds":%.6f,"run_error":%s%s,"samples":[%s]}\n', quoted(result.device),
    quoted(result.probe), result.t, result.up, result.seconds, quoted(result.code or "ok"), err, concat(words, ",\n"))
end

local function prometheus_name(name) return (gsub(gsub(name, "[^%w_:]", "_"), "^%d", "_%0")) end
local function prometheus_label(value)
  return (gsub(value, '[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }))
end

--- Prometheus' text format: samples of a name together, texts as a label `value` of a gauge that is 1.
function _M.prometheus(result)
  local families, order = {}, {}
  local function add(name, kind, labels, value, help)
    name = prometheus_name(name)
    local family = families[name]
    if not family then
      family = { kind = kind == "counter" and "counter" or "gauge", help = help }
      families[name], order[#order + 1] = family, name
    end
    local keys, words = {}, {}
    for k in pairs(labels) do keys[#keys + 1] = k end
    sort(keys)
    for _, k in ipairs(keys) do words[#words + 1] = gsub(k, "[^%w_]", "_") .. '="' .. prometheus_label(labels[k]) .. '"' end
    family[#family + 1] = name .. (next(words) and "{" .. concat(words, ",") .. "}" or "") .. " " .. value
  end
  for _, s in ipairs(result.samples) do
    local labels = { device = result.device }
    for k, v in pairs(s.labels) do labels[k] = v end
    local value = s.value
    if type(value) == "string" and not s.exact then labels.value, value = value, 1 end
    add(s.name, s.type, labels, type(value) == "number" and fmt(value) or value, result.help[s.name])
  end
  local own = { device = result.device, probe = result.probe }
  add("moonpoll_up", "gauge", own, fmt(result.up), "1: the run ended well")
  add("moonpoll_run_seconds", "gauge", own, fmt(result.seconds), "How long the run took")
  add("moonpoll_run_error", "gauge", { device = result.device, probe = result.probe, code = result.code or "ok" }, "1", "How the run ended")
  local lines = {}
  for _, name in ipairs(order) do
    local family = families[name]
    if family.help then lines[#lines + 1] = "# HELP " .. name .. " " .. gsub(family.help, "[\\\n]", { ["\\"] = "\\\\", ["\n"] = "\\n" }) end
    lines[#lines + 1] = "# TYPE " .. name .. " " .. family.kind
    for _, line in ipairs(family) do lines[#lines + 1] = line end
  end
  return concat(lines, "\n") .. "\n"
end

return _M
