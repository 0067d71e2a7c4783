--- What scripts on the engine use beside the C functions of core/bind/task: iterators, tables, the cache, children.
-- Called once with those C functions; they wait by parking the coroutine, so whatever calls them here may wait too.
local error, ipairs, pairs, pcall, rawget, rawset, select, setmetatable, tostring, type, unpack, xpcall =
  error, ipairs, pairs, pcall, rawget, rawset, select, setmetatable, tostring, type, unpack, xpcall
local format, gsub, concat = string.format, string.gsub, table.concat
local traceback = debug.traceback

local CACHE_KEYS_MAX = 1000 -- of one device and probe
local CONTEXTS_MAX = 1000 -- likewise
-- What is kept of a device stands in its own table, behind what the C functions have there. One table by device, of weak keys, would be
-- gone through from end to end, at one go, at the end of each collection of garbage.
local CACHE, CONTEXTS, PARENT = 4, 5, 6
local SYS_OBJECT_ID, SYS_UP_TIME = "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.3.0"
local SILENT = { timeout = true, refused = true, unreachable = true, down = true }

return function(c)
  local walk_next, walk_head, walk_given = c.walk_next, c.walk_head, c.walk_given
  local join, spawn, rows_of = c.join, c.spawn, c.rows
  local device = {}

  --- What rows and walk return: a closure that gives index, row, head (walk: oid, value) and raises what stopped the agent.
  local function iterator(walk, with)
    local head
    return function()
      local index, row = walk_next(walk)
      if index == nil then
        if row == nil then return nil end
        if type(row) == "string" then error(row, 0) end -- a limit of the run
        row.rows = walk_given(walk)
        error(row, 0)
      end
      if with and not head then head = walk_head(walk) end
      return index, row, head
    end
  end

  --- What a C function said of its arguments: called by pcall it does not know how it is called by the script.
  local function named(message, name, shift)
    return (gsub(message, "^bad argument #(%d+) to '%?'", function(n) return format("bad argument #%d to '%s'", n + shift, name) end))
  end

  --- One value, or a row of several.
  -- @function device:get
  -- @tparam string|{key=string,...} oids  a numeric OID, or a table of them
  -- @tparam[opt] {exact=boolean} opts  every Counter64 as uint64_t
  -- @treturn[1] value|row  keys whose instance is not there are left out
  -- @treturn[2] nil
  -- @treturn[2] err  code "missing" for a single one that is not there
  -- @treturn[2] row  what was good of an answer that was not
  device.get = c.get
  --- As get, with { oid =, type =, value = } for each: tells noSuchObject from noSuchInstance.
  -- @function device:get_raw
  -- @tparam string|{key=string,...} oids
  -- @tparam[opt] {exact=boolean} opts
  device.get_raw = c.get_raw
  --- What follows an OID: `oid, value`; of a table of OIDs a table of { oid =, type =, value = }.
  -- @function device:get_next
  -- @tparam string|{key=string,...} oids
  -- @tparam[opt] {exact=boolean} opts
  device.get_next = c.get_next
  --- One GETBULK as it is: a list of { oid =, type =, value = }.
  -- @function device:get_bulk
  -- @tparam {string,...} oids  with fields repetitions (10), non_repeaters (0), exact
  device.get_bulk = c.get_bulk
  --- Change values. Only where the configuration allows it.
  -- @function device:set
  -- @tparam {{oid=string,type=string,value=any},...} list
  -- @treturn[1] true
  -- @treturn[2] nil
  -- @treturn[2] err
  device.set = c.set
  --- Rows of a table as they come: `for index, row, head in device:rows(columns, opts) do`. What stops it is raised, with err.rows.
  -- @function device:rows
  -- @tparam {key=string,...} columns
  -- @tparam[opt] table opts  only = list of indexes, with = { key = oid } of scalars, key = a column every row must have,
  --   rates = { column = name of its rate a second }, epoch = column that changes when counters start anew, exact, max_rows
  device.rows = c.rows
  --- Everything under an OID: `for oid, value in device:walk(oid) do`.
  -- @function device:walk
  -- @tparam string oid
  -- @tparam[opt] table opts  exact, max_rows
  device.walk = c.walk

  --- All rows by index.
  -- @tparam {key=string,...} columns
  -- @tparam[opt] table opts  as those of rows
  -- @treturn[1] {index=row,...}
  -- @treturn[1] head
  -- @treturn[2] nil
  -- @treturn[2] err
  -- @treturn[2] partial  what was read before
  function device.table(self, columns, opts)
    local ok, next_row = pcall(rows_of, self, columns, opts)
    if not ok then error(named(next_row, "table", -1), 2) end
    local rows, first = {}, nil
    local good, err = pcall(function()
      for index, row, head in next_row do
        rows[index] = row
        first = first or head
      end
    end)
    if good then return rows, first end
    if type(err) == "string" then error(err, 0) end
    return nil, err, rows
  end

  --- What fn returned, for ttl seconds, or until the device restarts. fn may wait; nothing is kept of nil, err. A run that was
  -- not told sysUpTime yet asks for it before it believes what is kept.
  -- @tparam string|number key
  -- @tparam number ttl  seconds
  -- @tparam function fn
  -- @return what fn returned first, or nil and its err
  function device.cache(self, key, ttl, fn)
    if key == nil then error("cache: a key expected", 2) end
    if type(ttl) ~= "number" then error("cache: seconds expected for how long, got a " .. type(ttl), 2) end
    if ttl < 0 or ttl ~= ttl then error("cache: seconds from 0 expected for how long, got " .. ttl, 2) end
    if type(fn) ~= "function" then error("cache: a function expected, got a " .. type(fn), 2) end
    local owner = c.owner and c.owner(self) or self
    if type(owner) ~= "table" then c.boots(self) end -- which says what was expected
    local kept = rawget(owner, CACHE)
    if not kept then
      kept = { n = 0, at = {} }
      rawset(owner, CACHE, kept)
    end
    local entry = kept.at[key]
    if entry and entry.till > c.now() and not c.fresh(self) then -- has it restarted since?
      local _, err = c.get(self, SYS_UP_TIME)
      if err and SILENT[err.code] then return nil, err end
    end
    local boots = c.boots(self)
    if entry and entry.boots == boots and entry.till > c.now() then return entry.value end
    local value, err = fn(self)
    if value == nil then return nil, err end
    if not kept.at[key] then
      if kept.n >= CACHE_KEYS_MAX then
        kept.n, kept.at = 0, {}
      end
      kept.n = kept.n + 1
    end
    kept.at[key] = { value = value, till = c.now() + ttl, boots = boots }
    return value
  end

  --- The same agent in another SNMPv3 context: what a switch has of one VLAN, a router of one instance. State, labels and limits
  -- are those of the device; what cache keeps and rates are the context's own.
  -- @tparam {context=string} opts  SNMPv3; "" is the default context
  -- @treturn device  the same each time
  function device.with(self, opts)
    if type(opts) ~= "table" then error("with: a table expected, got a " .. type(opts), 2) end
    for key in pairs(opts) do
      if key ~= "context" then error("with: unknown option " .. tostring(key) .. ": context is known", 2) end
    end
    if opts.context and opts.context ~= "" and c.version(self) < 3 then error("with: a context needs SNMPv3", 2) end
    if opts.context == nil or c.version(self) < 3 then return self end
    if type(opts.context) ~= "string" then error("with: context: a string expected, got a " .. type(opts.context), 2) end
    self = rawget(self, PARENT) or self
    local known = rawget(self, CONTEXTS)
    if not known then
      known = { n = 0, at = {} }
      rawset(self, CONTEXTS, known)
    end
    local there = known.at[opts.context]
    if not there then
      local ok, context = pcall(c.context, self, opts.context)
      if not ok then error(context, 2) end
      if known.n >= CONTEXTS_MAX then known.n, known.at = 0, {} end
      there = setmetatable({ self[1], context, [PARENT] = self }, { __index = self, __metatable = false })
      known.n, known.at[opts.context] = known.n + 1, there
    end
    return there
  end

  --- Asks match at first contact, then runs.
  local function matched(match, run, self, out, state)
    local yes
    if type(match) == "function" then
      local err
      yes, err = match(self)
      if yes == nil and err ~= nil then return nil, err end
    else
      local id, err = self:get(SYS_OBJECT_ID)
      if id == nil and err.code ~= "missing" then return nil, err end
      for _, prefix in ipairs(type(match) == "table" and match or { match }) do
        prefix = prefix:gsub("^%.", "")
        yes = yes or prefix == "" or id == prefix or (id ~= nil and id:sub(1, #prefix + 1) == prefix .. ".")
      end
      yes = yes and not (c.outdone and c.outdone(self, id)) -- in nginx the request says which probe
    end
    if not yes and c.silence(self) then -- that is no answer: the run fails, and the next one asks again
      local _, err = c.get(self, SYS_OBJECT_ID)
      if err and SILENT[err.code] then return nil, err end
      return
    end
    c.set_match(self, yes)
    if yes then return run(self, out, state) end
  end

  --- A traceback is taken where the error is; faults of the world, and what the configuration does not allow, need none.
  local function explain(e)
    return type(e) == "string" and not c.refused(e) and traceback(e, 2) or e
  end

  local function finish(h, ok, ...)
    h.over, h.ok, h.n = true, ok, select("#", ...)
    for i = 1, h.n do h[i] = select(i, ...) end
    if not ok and not h.awaited then c.log("warn", "a child failed: " .. tostring((...))) end
  end

  local function body(h, f, ...)
    finish(h, xpcall(f, explain, ...))
  end

  local handle = {}
  handle.__index = handle
  handle.__metatable = false

  --- Waits until the child is over.
  -- @return what its function returned; its error is raised
  function handle:wait()
    self.awaited = true
    if not self.over then join(self.id) end
    if not self.over then error("the child was dropped", 2) end
    if not self.ok then error(self[1], 0) end
    return unpack(self, 1, self.n)
  end

  local function child(f, ...)
    local h = setmetatable({}, handle)
    h.id = spawn(body, h, f, ...)
    return h.id and h
  end

  --- Runs f(...) beside the caller, as part of the same run.
  -- @treturn handle  h:wait()
  local function spawn_(f, ...)
    if type(f) ~= "function" then error("spawn: a function expected, got a " .. type(f), 2) end
    local h = child(f, ...)
    if not h then error("spawn: this run has as many children as it may have", 2) end
    return h
  end

  --- Runs functions side by side.
  -- @return what each returned first, in their order; the error of one is raised
  local function all(...)
    local n = select("#", ...)
    local handles, values, awaited = {}, {}, 0
    for i = 1, n do
      local f = select(i, ...)
      if type(f) ~= "function" then error(format("all: a function expected as argument %d, got a %s", i, type(f)), 2) end
    end
    for i = 1, n do
      local h = child((select(i, ...)))
      while not h do -- as many as a run may have: the first ones make room
        if awaited == i - 1 then error("all: this run has as many children as it may have", 2) end
        awaited = awaited + 1
        values[awaited] = handles[awaited]:wait()
        h = child((select(i, ...)))
      end
      h.awaited = true
      handles[i] = h
    end
    for i = awaited + 1, n do values[i] = handles[i]:wait() end
    return unpack(values, 1, n)
  end

  --- One line in the log, with probe and device.
  -- @tparam string level  "error", "warn", "info" or "debug"
  local function log(level, fmt, ...)
    if type(fmt) ~= "string" then error("log: a format expected, got a " .. type(fmt), 2) end
    local ok, text = pcall(format, fmt, ...)
    if not ok then error(named(text, "log", 1), 2) end
    ok, text = pcall(c.log, level, text)
    if not ok then error(named(text, "log", 0), 2) end
  end

  --- For a look at what a script does: standard output is for samples, so the line goes to the log.
  local function print(...)
    local n, texts = select("#", ...), { ... }
    for i = 1, n do texts[i] = tostring(texts[i]) end
    c.log("info", concat(texts, "\t", 1, n))
  end

  return { device = device, iterator = iterator, matched = matched, spawn = spawn_, all = all, sleep = c.sleep, now = c.now, time = c.time,
           log = log, print = print }
end
