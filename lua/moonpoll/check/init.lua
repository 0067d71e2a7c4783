--- What is wrong with a probe, as far as its text tells: methods that do not exist, names and OIDs that are none, fields a row
-- does not have, globals, what the sandbox does not give, samples that `metrics` does not know.
--
-- It follows what a variable was set to where that is plain: constants, tables written out, results of `require "moonpoll"`,
-- snmp.mib, device:get, rows and table, and the device and out that `run` is handed. What a function returns, what is computed
-- and what is changed later it does not know, and says nothing of. An error is what raises when the line is reached.
local declared = require "moonpoll.check.declared"
local syntax = require "moonpoll.check.syntax"
local lib = require "moonpoll"
local find, format, sort = string.find, string.format, table.sort
local error, getmetatable, ipairs, next, pairs, pcall, setmetatable, tostring, type =
  error, getmetatable, ipairs, next, pairs, pcall, setmetatable, tostring, type

local _M = {}

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end
local function set(list)
  local s = {}
  for _, name in ipairs(list) do s[name] = true end
  return s
end

-- What a probe has. tests/unit/api_test.c compares these with what there is.
_M.device = words "cache get get_bulk get_next get_raw rows set table walk with"
_M.fields = words "name host address labels state"
_M.out = words "counter event gauge info state with"
_M.library = words [[_VERSION all bits date fmt hex index ip log mac mib name now oid rate show sleep spawn text time]]
_M.handle = words "wait"
_M.options = words "only with key rates epoch exact max_rows"
_M.codes = words [[timeout refused unreachable down missing access too_big gen_err bad_value not_writable auth unknown_user unknown_engine
  not_in_time_window unsupported_level decryption decode loop budget cancelled dns config]]

local LEVELS = words "error warn info debug"
local SAMPLES = { counter = true, gauge = true, info = true, state = true, event = true }
local INSTEAD = { -- of what Lua has and the sandbox has not
  io = "out writes samples, snmp.log writes lines", coroutine = "snmp.spawn and snmp.all run functions side by side",
  load = "modules beside the probe are required", loadstring = "modules beside the probe are required",
  dofile = "modules beside the probe are required", loadfile = "modules beside the probe are required",
  package = "require finds modules beside the probe", module = "a module returns its table",
  ffi = "snmp.bits, .ip, .mac and string.byte take octets apart", debug = "", jit = "", collectgarbage = "", getfenv = "", setfenv = "",
  newproxy = "", gcinfo = "",
}

local function is(v, what) return v and v.is == what end
local function constant(v)
  if is(v, "string") then return v.s end
  if is(v, "number") then return tostring(v.n) end
end
local function sorted(keys)
  local list = {}
  for k in pairs(keys) do list[#list + 1] = tostring(k) end
  sort(list)
  return list
end

local function reason(message) return (tostring(message):gsub("^[^\n]-:%d+: ", "")) end

-- Looks through one source; returns what is left to say once all of them were looked at.
local function check(chunk, module, c)
  local told, samples, computed = {}, {}, false
  local eval, eval_all, walk

  local function say(severe, line, ...)
    local what = format(...)
    local id = line .. what
    if not told[id] then c.say(severe, line, what) end
    told[id] = true
  end
  local function meant(names, name)
    local near = c.nearest(names, name)
    return near and format("; is it %s?", near) or ""
  end

  -- ---- OIDs

  local ROLES = {
    instance = { scalar = "%s is a scalar: its only instance is %s.0", column = "%s is a column: an index behind it names an instance, device:rows reads all",
      table = "%s is a table: device:rows reads its columns", row = "%s is the row of a table: device:rows reads its columns" },
    column = { scalar = "%s is a scalar and no column: device:get reads it, or rows { ... } beside others as with = { ... }",
      table = "%s is a table: its columns are expected", row = "%s is the row of a table: its columns are expected" },
  }
  local function check_oid(v, line, role)
    local oid, object
    if is(v, "object") then
      oid, object = v.oid, true
    elseif is(v, "string") then
      local why
      oid, why = c.oid(v.s)
      if not oid then
        local near = not find(v.s, "^%.?%d") and c.meant(v.s)
        return say(true, line, "'%s' is no OID%s%s", v.s, why and why ~= "" and ": " .. why or "", near and format("; is it %s?", near) or "")
      end
    end
    if not oid or not role then return end
    local kind, name, instance = c.object(oid)
    if kind == "scalar" and role == "instance" and object then return end -- it stands for its instance
    if not kind or (instance and role == "instance") then return end
    if instance and kind == "column" then
      say(false, line, "%s has an index here: columns of rows and table have none; only = { ... } chooses rows", name)
    elseif ROLES[role][kind] then
      say(false, line, ROLES[role][kind], name, name)
    end
  end
  -- A single OID or a table of them: the fields of the row it gives; nil when they are not known.
  local function check_oids(node, role)
    local v = eval(node)
    if not is(v, "table") then
      check_oid(v, node.line, role)
      return nil
    end
    local keys = {}
    for _, f in ipairs(v.items) do
      check_oid(f.v, f.line, role)
      if f.key then keys[f.key] = true end
    end
    return not v.open and { is = "row", keys = keys } or nil
  end

  local function check_options(node, columns)
    local v = eval(node)
    local row, head = columns and { is = "row", keys = {} }, nil
    for k in pairs(columns and columns.keys or {}) do row.keys[k] = true end
    if not is(v, "table") then return nil, nil end
    local function column(f)
      local name = constant(f.v)
      if name and columns and not columns.keys[name] then
        say(true, f.line, "%s: there is no column '%s'%s", f.key, name, meant(sorted(columns.keys), name))
      end
    end
    for _, f in ipairs(v.items) do
      if type(f.key) ~= "string" then -- computed
        row = nil
      elseif f.key == "with" then
        head = f.node and check_oids(f.node, "instance")
      elseif f.key == "key" or f.key == "epoch" then
        column(f)
      elseif f.key == "rates" then
        if not is(f.v, "table") or f.v.open then row = nil end
        for _, r in ipairs(is(f.v, "table") and f.v.items or {}) do
          if type(r.key) == "string" and columns and not columns.keys[r.key] then
            say(true, r.line, "rates: there is no column '%s'%s", r.key, meant(sorted(columns.keys), r.key))
          end
          local name = constant(r.v)
          if row and name then row.keys[name] = true elseif not name then row = nil end
        end
      elseif not set(_M.options)[f.key] then
        say(true, f.line, "unknown option %s%s", f.key, meant(_M.options, f.key))
      end
    end
    if v.open then row, head = nil, nil end
    return row, head
  end

  -- ---- calls

  -- What a function gives that returns at one place only.
  local function given(v)
    if not is(v, "function") then return nil end
    local found, several
    local function look(body)
      for _, s in ipairs(body) do
        if s.t == "return" then found, several = s, found end
        if s.body then look(s.body) end
        for _, b in ipairs(s.bodies or {}) do look(b) end
      end
    end
    look(v.node.body)
    return found and not several and found.exprs[1] and eval(found.exprs[1]) or nil
  end

  local function method_unknown(self, node, names, what)
    local list = what == "snmp" and "snmp." or what .. ":"
    say(not self.guess, node.line, "%s%s: there is no such %s%s%s", list, node.name or node.key.s, what == "snmp" and "function" or "method",
      meant(names, node.name or node.key.s), self.guess and format(" (if %s is one)", what) or "")
  end

  local function sample(node, self)
    local name = node.args[1] and constant(eval(node.args[1]))
    for i, a in ipairs(node.args) do
      if i > 1 then eval(a) end
    end
    if #node.args < 2 and not (node.args[1] and (node.args[1].t == "call" or node.args[1].t == "method" or node.args[1].t == "vararg")) then
      say(not self.guess, node.line, "out:%s(name, value): %s is missing", node.name, #node.args == 0 and "the name" or "the value")
    end
    if #node.args > 2 then
      say(false, node.args[3].line or node.line, "out:%s(name, value): nothing reads a third argument; labels are those of out:with", node.name)
    end
    if not name then
      computed = true
    else
      samples[#samples + 1] = { name = name, type = node.name, line = node.line }
    end
  end

  local DEVICE = set(_M.device)
  local function device_method(node, self)
    local name, args = node.name, node.args
    if not DEVICE[name] then
      for _, a in ipairs(args) do eval(a) end
      return method_unknown(self, node, _M.device, "device")
    end
    local v1, v2
    if not args[1] then
      say(not self.guess, node.line, "device:%s: an argument is missing", name)
    elseif name == "get" or name == "get_raw" or name == "get_next" or name == "get_bulk" or name == "walk" then
      if name == "get_bulk" then
        local v = eval(args[1])
        for _, f in ipairs(is(v, "table") and v.items or {}) do
          if type(f.key) == "number" then check_oid(f.v, f.line) end
        end
      else
        local row = check_oids(args[1], (name == "get" or name == "get_raw") and "instance" or nil)
        if name == "get" then v1 = row end
      end
    elseif name == "rows" or name == "table" then
      local columns = check_oids(args[1], "column")
      local row, head = columns, nil
      if args[2] then row, head = check_options(args[2], columns) end
      if name == "rows" then v1 = { is = "iterator", row = row, head = head } else v1, v2 = { is = "rows", row = row }, head end
    elseif name == "cache" then
      if args[3] and args[3].t == "function" then args[3].role = "match" end -- is handed the device, too
      v1 = given(args[3] and eval(args[3]))
    elseif name == "with" then
      v1 = self
    end
    for _, a in ipairs(args) do eval(a) end
    return v1, v2
  end

  local function method(node)
    local self = eval(node.obj)
    if is(self, "device") then return device_method(node, self) end
    if is(self, "out") then
      if SAMPLES[node.name] then return sample(node, self) end
      local labels = node.args[1] and eval(node.args[1])
      if node.name ~= "with" then return method_unknown(self, node, _M.out, "out") end
      for _, f in ipairs(is(labels, "table") and labels.items or {}) do
        if f.key == "device" then say(true, f.line, "label device: every sample has it by itself") end
      end
      return self
    end
    for _, a in ipairs(node.args) do eval(a) end
    if is(self, "lib") then
      say(true, node.line, "snmp:%s: functions of the library are called with a dot, snmp.%s(...)", node.name, node.name)
    elseif is(self, "handle") and node.name ~= "wait" then
      method_unknown(self, node, _M.handle, "handle")
    end
  end

  local LIBRARY = {}
  function LIBRARY.mib(node, args)
    local name = args[1] and constant(args[1])
    if not name then return end
    local ok, m = pcall(lib.mib, name)
    if ok then return { is = "mib", name = name, m = m } end
    say(true, node.line, "%s", reason(m))
  end
  function LIBRARY.oid(node, args)
    local oid = is(args[1], "string") and c.oid(args[1].s)
    check_oid(args[1], node.line)
    return oid and { is = "string", s = oid } or nil
  end
  function LIBRARY.name(node, args) check_oid(args[1], node.line) end
  LIBRARY.show = LIBRARY.name
  function LIBRARY.log(node, args)
    local level = constant(args[1])
    if level and not set(LEVELS)[level] then
      say(true, node.line, "snmp.log: there is no level '%s'%s", level, meant(LEVELS, level))
    end
  end
  function LIBRARY.index(node, args)
    local parts, v = {}, args[1]
    if not is(v, "table") or v.open then return end
    for i, f in ipairs(v.items) do
      parts[i] = constant(f.v)
      if not parts[i] then return end
    end
    local ok, why = pcall(lib.index, parts)
    if not ok then say(true, node.line, "snmp.index: %s", (reason(why):gsub("^bad argument #1 to '[^']*' ", ""):gsub("^%((.*)%)$", "%1"))) end
  end
  function LIBRARY.spawn() return { is = "handle" } end

  local function call(node)
    local f, args = eval(node.fn), {}
    for i, a in ipairs(node.args) do args[i] = eval(a) end
    if is(f, "method") then -- device.get(...)
      if not is(args[1], f.of.is) then
        say(not f.of.guess, node.line, "%s.%s: methods are called with a colon, %s:%s(...)", f.of.is, f.name, f.of.is, f.name)
      end
      return
    end
    if is(f, "library") and LIBRARY[f.name] then return LIBRARY[f.name](node, args) end
    if is(f, "library") and f.name == "all" then
      local v = {}
      for i = 1, #args do v[i] = given(args[i]) end
      return v[1], v[2], v[3], v[4], v[5], v[6]
    end
    if not is(f, "global") then return end
    if f.name == "assert" then return args[1] end
    if f.name == "pairs" and is(args[1], "rows") then return { is = "iterator", row = args[1].row } end
    if f.name == "require" and is(args[1], "string") then
      local name = args[1].s
      if name == "moonpoll" then return { is = "lib" } end
      if not c.source(name) then
        say(true, node.line, "module '%s' is not beside the probe%s", name, INSTEAD[name] and ", and the sandbox gives no " .. name or "")
      end
    end
  end

  -- ---- values

  local function field(node)
    local of, key = eval(node.obj), eval(node.key)
    local name = is(key, "string") and key.s or nil
    if is(of, "rows") then return of.row end
    if not name then return nil end
    if is(of, "row") then
      if not of.keys[name] then
        say(false, node.line, "no field '%s' was asked for: it is always nil%s", name, meant(sorted(of.keys), name))
      end
    elseif is(of, "lib") then
      if not set(_M.library)[name] then method_unknown(of, node, _M.library, "snmp") end
      return { is = "library", name = name }
    elseif is(of, "mib") then
      local ok, o = pcall(function() return of.m[name] end)
      if not ok then
        say(true, node.line, "%s", reason(o))
      elseif getmetatable(o) ~= nil then -- no plain table of labels, as textual conventions are
        return { is = "object", o = o, oid = tostring(o), name = name }
      end
    elseif is(of, "object") then
      local ok, why = pcall(function() return of.o[name] end)
      if not ok then
        local labels = {}
        for k in next, of.o do
          if type(k) == "string" then labels[#labels + 1] = k end
        end
        say(true, node.line, "%s%s", reason(why), meant(labels, name))
      end
    elseif is(of, "device") or is(of, "out") then
      if set(of.is == "device" and _M.device or _M.out)[name] then return { is = "method", of = of, name = name } end
      if not of.guess and (of.is == "out" or not set(_M.fields)[name]) then
        say(false, node.line, "%s.%s: there is no such field%s", of.is, name, meant(of.is == "device" and _M.fields or _M.out, name))
      end
    elseif is(of, "global") and type(of.value) == "table" and of.name ~= "_G" then
      if of.value[name] == nil and not c.written[of.name] then
        say(node.used, node.line, "%s.%s: the sandbox does not give it%s", of.name, name, meant(sorted(of.value), name))
      end
    end
  end

  local function global(node)
    local value = c.env[node.name]
    if value ~= nil then return { is = "global", name = node.name, value = value } end
    if c.written[node.name] then return nil end
    if INSTEAD[node.name] then
      local instead = INSTEAD[node.name]
      say(node.used, node.line, "the sandbox gives no %s%s", node.name, instead ~= "" and ": " .. instead or "")
    else
      say(node.used, node.line, "'%s' is set nowhere: it is always nil%s", node.name, meant(sorted(c.env), node.name))
    end
  end

  local function variable(node)
    local var = node.var
    if not var then return global(node) end
    local v = var.v
    if var.assigned and not is(v, "device") and not is(v, "out") then return nil end
    if is(v, "row") and (var.written or var.escapes) then return nil end
    if is(v, "table") and (var.written or var.escapes) then return { is = "table", items = v.items, open = true, node = v.node } end
    return v
  end

  local function table_(node)
    local v, n = { is = "table", items = {}, node = node }, 0
    for _, item in ipairs(node.items) do
      local f = { line = item.line, node = item.value }
      if item.key then
        local key = eval(item.key)
        f.key = is(key, "string") and key.s or is(key, "number") and key.n or nil
        if f.key == nil then v.open = true end
      else
        n = n + 1
        f.key = n
      end
      f.v = eval(item.value)
      v.items[#v.items + 1] = f
    end
    return v
  end

  local function operator(node)
    local a, b = eval(node.a), node.b and eval(node.b)
    if node.op == ".." then
      local left, right = is(a, "object") and a.oid or constant(a), is(b, "object") and b.oid or constant(b)
      if left and right then return { is = "string", s = left .. right } end
    elseif node.op == "or" then
      if is(b, "table") and #b.items == 0 then return a end
    elseif node.op == "==" or node.op == "~=" then
      for x, y in pairs { [node.a] = b or false, [node.b] = a or false } do
        local code = x.t == "index" and x.obj.t == "name" and (x.obj.name == "err" or x.obj.name == "e") and x.key.s == "code" and constant(y)
        if code and not set(_M.codes)[code] then say(false, node.line, "no error has the code '%s'%s", code, meant(_M.codes, code)) end
      end
    end
  end

  local function function_(node)
    for i, p in ipairs(node.params) do
      if not p.v and (p.name == "device" or p.name == "out") then
        p.v = { is = p.name, guess = true }
      elseif node.role and i == 1 then
        p.v = { is = "device" }
      elseif node.role == "run" and i == 2 then
        p.v = { is = "out" }
      end
      if node.role and p.v then p.v.guess = nil end
    end
    return { is = "function", node = node }
  end

  --- The values of an expression: each is looked at once, and remembers.
  function eval_all(node)
    if node.values then return node.values end
    node.values = {} -- a function that returns itself
    local t, v = node.t, nil
    if t == "string" then
      if find(node.s, "^%.?1%.3%.6%.1%.") and find(node.s, "^[%d.]+$") and not find(node.s, "%.$") then check_oid({ is = "string", s = node.s }, node.line) end
      v = { { is = "string", s = node.s } }
    elseif t == "number" then
      v = { { is = "number", n = node.n } }
    elseif t == "name" then
      v = { variable(node) }
    elseif t == "index" then
      node.obj.used = true
      v = { field(node) }
    elseif t == "call" then
      node.fn.used = true
      v = { call(node) }
    elseif t == "method" then
      node.obj.used = true
      v = { method(node) }
    elseif t == "function" then
      v = { function_(node) }
      node.values = v
      walk(node.body)
    elseif t == "table" then
      v = { table_(node) }
    elseif t == "op" then
      v = { operator(node) }
    elseif t == "paren" then
      v = { eval(node.a) }
    end
    node.values = v or {}
    return node.values
  end
  function eval(node) return eval_all(node)[1] end

  local function assign(target)
    if target.t ~= "name" then
      target.obj.used = true
      eval(target.obj)
      eval(target.key)
    elseif not target.var and c.env[target.name] ~= nil then
      say(false, target.line, "global '%s' of the sandbox is replaced, for all runs of the probe", target.name)
    elseif not target.var and not told[target.name] then
      told[target.name] = true
      say(false, target.line, "'%s' is global: all devices and runs share it; local %s", target.name, target.name)
    end
  end

  function walk(body)
    for _, s in ipairs(body) do
      local t = s.t
      if t == "local" then
        for i, var in ipairs(s.vars) do -- known in itself
          if s.exprs[i] and s.exprs[i].t == "function" then var.v = { is = "function", node = s.exprs[i] } end
        end
        for i, e in ipairs(s.exprs) do
          local values = eval_all(e)
          if i < #s.exprs then
            if s.vars[i] then s.vars[i].v = values[1] end
          else
            for k = i, #s.vars do s.vars[k].v = values[k - i + 1] end
          end
        end
      elseif t == "assign" then
        for _, e in ipairs(s.exprs) do eval(e) end
        for _, target in ipairs(s.targets) do assign(target) end
      elseif t == "call" then
        eval(s.a)
      elseif t == "block" then
        walk(s.body)
      elseif t == "for" then
        local values = {}
        for _, e in ipairs(s.exprs) do values[#values + 1] = eval(e) or false end
        if s.each and is(values[1], "iterator") then
          if s.vars[2] then s.vars[2].v = values[1].row end
          if s.vars[3] then s.vars[3].v = values[1].head end
        end
        walk(s.body)
      elseif t == "branch" then
        if s.after then walk(s.bodies[1]) end
        for i, b in ipairs(s.bodies) do
          if s.exprs[i] then eval(s.exprs[i]) end
          if not s.after then walk(b) end
        end
      elseif t == "return" then
        for _, e in ipairs(s.exprs) do eval(e) end
      end
    end
  end

  -- ---- and off

  local metric_lines = not module and declared(chunk, c, say) or nil
  eval(chunk)
  for _, s in ipairs(samples) do
    local kind = c.metrics[s.name]
    if c.declared and not kind then
      say(false, s.line, "%s is not declared in metrics%s", s.name, meant(sorted(c.metrics), s.name))
    elseif kind and kind ~= "" and kind ~= s.type then
      say(false, s.line, "%s is declared as %s, and written as %s", s.name, kind, s.type)
    end
    c.seen[s.name] = true
  end
  if computed then c.computed = true end
  return function()
    if not metric_lines or c.computed then return end
    for _, name in ipairs(sorted(c.metrics)) do
      if not c.seen[name] then say(false, metric_lines[name], "metrics.%s is written nowhere", name) end
    end
  end
end

--- Looks through a probe.
-- @tparam {{text=string,module=boolean},...} sources  they compile; the probe itself is the first, then the modules beside it
-- @tparam table c  say(number of the source, severe, line, text); env: what is global in the sandbox; nearest(names, name);
--   oid(text): the dotted text, or nil, why; meant(text): the object that was meant, or nil;
--   object(oid): kind, name, is it an instance?; source(name): is there such a module?
-- @treturn {string=string,...} types of the metrics that are declared, "" where it is not told; nil: none are, or they are not written out
function _M.probe(sources, c)
  local chunks, later = {}, {}
  c.written, c.metrics, c.seen = {}, {}, {}
  for i, source in ipairs(sources) do
    local good, chunk = pcall(syntax.parse, source.text)
    if good then
      chunks[i] = chunk
      for name in pairs(chunk.globals) do c.written[name] = true end
    elseif type(chunk) == "string" then
      error(chunk, 0)
    else
      c.say(i, false, chunk.line, "is not understood from here on, and was not looked at")
      c.computed = true
    end
  end
  for i, source in ipairs(sources) do
    local one = setmetatable({ say = function(...) c.say(i, ...) end }, { __index = c, __newindex = c })
    if chunks[i] then later[#later + 1] = check(chunks[i], source.module, one) end
  end
  for _, rest in ipairs(later) do rest() end
  return c.declared and c.metrics or nil
end

return _M
