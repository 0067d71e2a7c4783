--- Probes of a directory, as they are on disk: looked at again at most once a second, loaded anew when the text of the file or of a
-- module beside it is another. One that does not load leaves the one before in place.
local error, loadstring, open, pairs, pcall, rawget, require, select, setfenv, setmetatable, tostring, type =
  error, loadstring, io.open, pairs, pcall, rawget, require, select, setfenv, setmetatable, tostring, type
local byte, format, gsub, match = string.byte, string.format, string.gsub, string.match

local _M = {}
local mt = { __index = _M }

local LOOK_S = 1
local globals = _G

local function read(path)
  local f = open(path, "rb")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return text
end

--- @tparam string dir
-- @tparam function clock  seconds
-- @tparam function log  level, text
function _M.new(dir, clock, log)
  return setmetatable({ dir = dir, clock = clock, log = log, known = {} }, mt)
end

local function compile(text, path, env)
  if byte(text) == 27 then error(path .. ": bytecode is not loaded, only text", 0) end
  local chunk, why = loadstring(text, "@" .. path)
  if not chunk then error(why, 0) end
  return setfenv(chunk, env)
end

local function check(probe, path)
  if type(probe) ~= "table" then error(format("%s: a probe returns a table, this one a %s", path, type(probe)), 0) end
  local jobs = probe.jobs
  if jobs ~= nil and type(jobs) ~= "table" then error(path .. ": jobs: a table expected", 0) end
  for name, job in pairs(jobs or { run = probe }) do
    if type(job) ~= "table" or type(job.run) ~= "function" then
      error(format("%s: %srun: a function expected, got a %s", path, jobs and "jobs." .. tostring(name) .. "." or "", type(job) == "table" and
        type(job.run) or type(job)), 0)
    end
  end
end

-- { probe =, texts = by path }
local function load(self, name)
  local texts, loaded = {}, {}
  local env = setmetatable({}, { __index = globals })
  env._G = env
  env.print = function(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    self.log("info", table.concat(words, "\t"))
  end
  env.require = function(module)
    if loaded[module] ~= nil then
      if loaded[module] == self then error("module '" .. module .. "' requires itself", 2) end
      return loaded[module]
    end
    local path = type(module) == "string" and match(module, "^[%w_]+[%w_.]*$") and self.dir .. "/" .. gsub(module, "%.", "/") .. ".lua"
    local text = path and read(path)
    if not text then return require(module) end
    texts[path], loaded[module] = text, self
    local value = compile(text, path, env)(module)
    loaded[module] = value == nil and true or value
    return loaded[module]
  end
  local path = self.dir .. "/" .. name .. ".lua"
  texts[path] = read(path) or error(path .. ": cannot be read", 0)
  local version = { texts = texts }
  local ok, probe = pcall(function()
    local made = compile(texts[path], path, env)({})
    check(made, path)
    return made
  end)
  if ok then
    version.probe = probe
  else
    version.why = tostring(probe)
  end
  return version
end

local function same(texts)
  for path, text in pairs(texts) do if read(path) ~= text then return false end end
  return true
end

--- The probe of that name.
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string  why it does not load; nil: there is none
function _M.get(self, name)
  if not match(name, "^[%w_][%w_-]*$") then return nil end
  local entry, now = rawget(self.known, name), self.clock()
  if entry and now < entry.look_at then return entry.probe, entry.why end
  if not entry then
    if not read(self.dir .. "/" .. name .. ".lua") then return nil end
    entry = {}
    self.known[name] = entry
  end
  entry.look_at = now + LOOK_S
  if entry.texts and same(entry.texts) then return entry.probe, entry.why end
  local ok, version = pcall(load, self, name)
  if not ok then version = { texts = entry.texts, why = tostring(version) } end
  if version.why ~= entry.said and version.why then
    self.log("error", version.why .. (entry.probe and ": the version before stays" or ""))
  end
  entry.texts, entry.said = version.texts, version.why
  if version.probe then
    entry.probe, entry.why = version.probe, nil
  elseif not entry.probe then
    entry.why = version.why
  end
  return entry.probe, entry.why
end

return _M
