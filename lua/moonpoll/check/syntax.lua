--- Lua text as a tree whose names know their variables. For text that compiles: what is wrong with it the compiler has told.
--
-- Expressions are { t =, line = }: "string" (s), "number" (n), "nil", "true", "false", "vararg", "name" (name, var: nil for a
-- global), "index" (obj, key), "call" (fn, args), "method" (obj, name, args), "function" (params, body), "table" (items: a list of
-- { key =, value =, line = }), "op" (op, a, b; b nil for one operand), "paren" (a).
-- Statements are { t =, line = }: "local" (vars, exprs), "assign" (targets, exprs), "call" (a), "block" (body), "for" (vars, exprs,
-- body, each: over an iterator), "branch" (exprs, bodies), "return" (exprs).
-- A variable is { name =, line =, init =, nth =, assigned =, written =, escapes =, fields = }: nth value of the expression init;
-- assigned after that; some field of it was; handed to a function that may; what its fields became by `function M.f` and `M.f =`.
local find, sub, match, byte, gsub = string.find, string.sub, string.match, string.byte, string.gsub
local error, ipairs, setmetatable, tonumber = error, ipairs, setmetatable, tonumber

local _M = {}

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while"):gmatch "%S+" do
  KEYWORDS[word] = true
end
-- Functions that do not change a table they are given.
local HARMLESS = {}
for word in ("assert ipairs next pairs print rawequal rawget select tonumber tostring type unpack"):gmatch "%S+" do HARMLESS[word] = true end
local HARMLESS_METHODS = {}
for word in ("get get_raw get_next get_bulk set walk rows table with"):gmatch "%S+" do HARMLESS_METHODS[word] = true end

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v" }
local function unescape(s)
  if not find(s, "\\", 1, true) then return s end
  s = gsub(s, "\\z%s*", "")
  return (gsub(s, "\\(x?)(%x?%x?%d?)(.?)", function(hex, digits, after)
    if hex == "x" then return string.char(tonumber(sub(digits, 1, 2), 16) or 63) .. sub(digits, 3) .. after end
    local number = match(digits, "^%d+")
    if number then return string.char(tonumber(number) % 256) .. sub(digits, #number + 1) .. after end
    if digits ~= "" then return (ESCAPES[sub(digits, 1, 1)] or sub(digits, 1, 1)) .. sub(digits, 2) .. after end
    return ESCAPES[after] or after
  end))
end

--- Three lists: kinds ("name", "string", "number", "end", else the word or sign itself), texts, lines.
local function lex(text)
  local kinds, texts, lines, n, at, line = {}, {}, {}, 0, 1, 1
  at = match(text, "^\239\187\191()") or at
  at = match(text, "^#[^\n]*()", at) or at
  local function put(kind, value, where)
    n = n + 1
    kinds[n], texts[n], lines[n] = kind, value, where
  end
  local function count(from, to)
    for _ in text:sub(from, to):gmatch "\n" do line = line + 1 end
  end
  while true do
    local from = find(text, "%S", at)
    if not from then break end
    count(at, from - 1)
    at = from
    local c = sub(text, at, at)
    local long = match(text, "^%-%-%[(=*)%[", at)
    if long or match(text, "^%-%-", at) then
      local to = long and select(2, find(text, "]" .. long .. "]", at, true)) or (find(text, "\n", at, true) or #text + 1) - 1
      count(at, to)
      at = to + 1
    elseif find(c, "[%a_\128-\255]") then
      local word = match(text, "^[%w_\128-\255]+", at)
      put(KEYWORDS[word] and word or "name", word, line)
      at = at + #word
    elseif find(text, "^%.?%d", at) then
      local number = match(text, "^0[xX][%x.]*[pP][+-]?%d+", at) or match(text, "^0[xX][%x.]+[uUlLiI]*", at) or
        match(text, "^[%d.]+[eE][+-]?%d+[iI]?", at) or match(text, "^[%d.]+[uUlLiI]*", at)
      put("number", tonumber(number), line)
      at = at + #number
    elseif c == '"' or c == "'" then
      local to = at + 1
      while sub(text, to, to) ~= c do to = to + (byte(text, to) == 92 and 2 or 1) end
      put("string", unescape(sub(text, at + 1, to - 1)), line)
      count(at, to)
      at = to + 1
    elseif find(text, "^%[=*%[", at) then
      local level, body = match(text, "^%[(=*)%[\r?\n?()", at)
      local first, last = find(text, "]" .. level .. "]", body, true)
      put("string", sub(text, body, first - 1), line)
      count(at, last)
      at = last + 1
    else
      local sign = match(text, "^%.%.%.", at) or match(text, "^%.%.", at) or match(text, "^[=~<>]=", at) or match(text, "^::", at) or c
      put(sign, sign, line)
      at = at + #sign
    end
  end
  put("end of text", "", line)
  return kinds, texts, lines
end

local LEFT = { ["or"] = 1, ["and"] = 2, ["<"] = 3, [">"] = 3, ["<="] = 3, [">="] = 3, ["~="] = 3, ["=="] = 3, [".."] = 5, ["+"] = 6, ["-"] = 6,
  ["*"] = 7, ["/"] = 7, ["%"] = 7, ["^"] = 10 }
local RIGHT = { [".."] = 4, ["^"] = 9 }
local UNARY = 8

--- The chunk as a function, with the names of the globals it sets: `globals`. Raises { line =, expected = } where it understands nothing.
function _M.parse(text)
  local kinds, texts, lines = lex(text)
  local at, scope, globals = 1, {}, {}
  local expression, block, expressions

  local function accept(kind)
    if kinds[at] ~= kind then return false end
    at = at + 1
    return true
  end
  local function expect(kind)
    if not accept(kind) then error({ line = lines[at], expected = kind }, 0) end
    return texts[at - 1]
  end
  local function declare(name, line, init, nth)
    local var = { name = name, line = line, init = init, nth = nth }
    scope[name] = var
    return var
  end
  local function inside(fn)
    local outer = scope
    scope = setmetatable({}, { __index = outer })
    local got = fn()
    scope = outer
    return got
  end

  local function body_of(params)
    return inside(function()
      local vars = {}
      for i, p in ipairs(params) do vars[i] = declare(p.name, p.line) end
      local body = block()
      expect "end"
      return { params = vars, body = body }
    end)
  end
  local function function_(line, with_self)
    local params = {}
    if with_self then params[1] = { name = "self", line = line } end
    expect "("
    while kinds[at] ~= ")" do
      if not accept "..." then params[#params + 1] = { line = lines[at], name = expect "name" } end
      accept ","
    end
    at = at + 1
    local f = body_of(params)
    f.t, f.line = "function", line
    return f
  end

  local function table_(line)
    local items = {}
    while not accept "}" do
      local item = { line = lines[at] }
      if accept "[" then
        item.key = expression()
        expect "]"
        expect "="
      elseif kinds[at] == "name" and kinds[at + 1] == "=" then
        item.key = { t = "string", s = texts[at], line = lines[at] }
        at = at + 2
      end
      item.value = expression()
      items[#items + 1] = item
      if not accept "," then accept ";" end
    end
    return { t = "table", items = items, line = line }
  end

  local function call(node, name, line)
    local args
    if kinds[at] == "string" then
      args = { { t = "string", s = texts[at], line = lines[at] } }
      at = at + 1
    elseif accept "{" then
      args = { table_(lines[at - 1]) }
    else
      expect "("
      args = kinds[at] == ")" and {} or expressions()
      expect ")"
    end
    local harmless = name and HARMLESS_METHODS[name] or not name and node.t == "name" and not node.var and HARMLESS[node.name]
    for _, a in ipairs(args) do
      if a.t == "name" and a.var and not harmless then a.var.escapes = true end
    end
    if name then return { t = "method", obj = node, name = name, args = args, line = line } end
    return { t = "call", fn = node, args = args, line = line }
  end

  local function suffixed()
    local line, node = lines[at]
    if accept "(" then
      node = { t = "paren", a = expression(), line = line }
      expect ")"
    else
      local name = expect "name"
      node = { t = "name", name = name, var = scope[name], line = line }
    end
    while true do
      local kind = kinds[at]
      line = lines[at]
      if kind == "." then
        at = at + 1
        node = { t = "index", obj = node, key = { t = "string", s = expect "name", line = line }, line = line }
      elseif kind == "[" then
        at = at + 1
        node = { t = "index", obj = node, key = expression(), line = line }
        expect "]"
      elseif kind == ":" then
        at = at + 1
        node = call(node, expect "name", line)
      elseif kind == "(" or kind == "string" or kind == "{" then
        node = call(node, nil, line)
      else
        return node
      end
    end
  end

  local function simple()
    local kind, line = kinds[at], lines[at]
    if kind == "string" or kind == "number" then
      at = at + 1
      return { t = kind, s = kind == "string" and texts[at - 1] or nil, n = kind == "number" and texts[at - 1] or nil, line = line }
    elseif kind == "nil" or kind == "true" or kind == "false" or kind == "..." then
      at = at + 1
      return { t = kind == "..." and "vararg" or kind, line = line }
    elseif kind == "{" then
      at = at + 1
      return table_(line)
    elseif kind == "function" then
      at = at + 1
      return function_(line)
    end
    return suffixed()
  end

  function expression(limit)
    local line, node = lines[at]
    if kinds[at] == "not" or kinds[at] == "-" or kinds[at] == "#" then
      at = at + 1
      node = { t = "op", op = kinds[at - 1], a = expression(UNARY), line = line }
    else
      node = simple()
    end
    while LEFT[kinds[at]] and LEFT[kinds[at]] > (limit or 0) do
      local op = kinds[at]
      line, at = lines[at], at + 1
      node = { t = "op", op = op, a = node, b = expression(RIGHT[op] or LEFT[op]), line = line }
    end
    return node
  end

  function expressions()
    local list = {}
    repeat list[#list + 1] = expression() until not accept ","
    return list
  end

  -- name = value, M.name = value
  local function assigned(target, value)
    if target.t == "name" then
      if target.var then target.var.assigned = true else globals[target.name] = true end
    elseif target.t == "index" then
      local root, direct = target.obj, true
      while root.t == "index" do root, direct = root.obj, false end
      if root.t ~= "name" or not root.var then return end
      root.var.written = true
      if direct and target.key.t == "string" then
        root.var.fields = root.var.fields or {}
        root.var.fields[target.key.s] = value
      end
    end
  end

  local function locals(line)
    if accept "function" then
      local var = declare(expect "name", line)
      var.init, var.nth = function_(line), 1
      return { t = "local", vars = { var }, exprs = { var.init }, line = line }
    end
    local names, vars = {}, {}
    repeat
      names[#names + 1] = expect "name"
      if accept "<" then at = at + 2 end
    until not accept ","
    local exprs = accept "=" and expressions() or {}
    for i, name in ipairs(names) do
      local init = exprs[i] or exprs[#exprs]
      vars[i] = declare(name, line, init, init and (exprs[i] and 1 or i - #exprs + 1))
      if exprs[i] and exprs[i].t == "name" and exprs[i].var then exprs[i].var.escapes = true end -- another name for it
    end
    return { t = "local", vars = vars, exprs = exprs, line = line }
  end

  local function for_(line)
    local names = {}
    repeat names[#names + 1] = expect "name" until not accept ","
    local each = not accept "="
    if each then expect "in" end
    local exprs = expressions()
    expect "do"
    return inside(function()
      local vars = {}
      for i, name in ipairs(names) do vars[i] = declare(name, line) end
      local body = block()
      expect "end"
      return { t = "for", vars = vars, exprs = exprs, body = body, each = each, line = line }
    end)
  end

  local function scoped()
    return inside(block)
  end

  local function statement()
    local kind, line = kinds[at], lines[at]
    at = at + 1
    if kind == "local" then return locals(line) end
    if kind == "for" then return for_(line) end
    if kind == "if" or kind == "while" then
      local s = { t = "branch", exprs = {}, bodies = {}, line = line }
      repeat
        s.exprs[#s.exprs + 1] = expression()
        at = at + 1 -- then, do
        s.bodies[#s.bodies + 1] = scoped()
      until not accept "elseif"
      if accept "else" then s.bodies[#s.bodies + 1] = scoped() end
      expect "end"
      return s
    elseif kind == "repeat" then
      return inside(function()
        local body = block()
        expect "until"
        return { t = "branch", exprs = { expression() }, bodies = { body }, line = line, after = true }
      end)
    elseif kind == "do" then
      local s = { t = "block", body = scoped(), line = line }
      expect "end"
      return s
    elseif kind == "function" then
      local name = expect "name"
      local target, with_self = { t = "name", name = name, var = scope[name], line = line }, false
      while kinds[at] == "." or kinds[at] == ":" do
        with_self = kinds[at] == ":"
        at = at + 1
        target = { t = "index", obj = target, key = { t = "string", s = expect "name", line = line }, line = line }
      end
      local f = function_(line, with_self)
      assigned(target, f)
      return { t = "assign", targets = { target }, exprs = { f }, line = line }
    elseif kind == "return" then
      local stop = kinds[at]
      local empty = stop == "end" or stop == "else" or stop == "elseif" or stop == "until" or stop == "end of text" or stop == ";"
      local s = { t = "return", exprs = empty and {} or expressions(), line = line }
      accept ";"
      return s
    elseif kind == "goto" or kind == "::" then
      at = at + (kind == "goto" and 1 or 2)
      return nil
    elseif kind == "break" or kind == ";" then
      return nil
    end
    at = at - 1
    local node = suffixed()
    if kinds[at] ~= "=" and kinds[at] ~= "," then return { t = "call", a = node, line = line } end
    local targets = { node }
    while accept "," do targets[#targets + 1] = suffixed() end
    expect "="
    local exprs = expressions()
    for i, target in ipairs(targets) do assigned(target, exprs[i]) end
    return { t = "assign", targets = targets, exprs = exprs, line = line }
  end

  function block()
    local list = {}
    while true do
      local kind = kinds[at]
      if kind == "end of text" or kind == "end" or kind == "else" or kind == "elseif" or kind == "until" then return list end
      list[#list + 1] = statement()
    end
  end

  local body = block()
  if kinds[at] ~= "end of text" then error({ line = lines[at], expected = "end of text" }, 0) end
  return { t = "function", params = {}, body = body, line = 1, globals = globals }
end

return _M
