--- lua/README.md below its line "<!-- from the comments -->": the public functions of the Lua library, drawn from the LDoc comments
-- of the sources. `luajit tests/doc.lua` writes it, with --check it says whether it is as they are.
local PAGE, MARK = "lua/README.md", "<!-- from the comments -->"

-- File, heading, what calls look like, what comes before names.
local sources = {
  { "lua/moonpoll/host.lua", "Devices", "snmp.", only = { device = true, configure = true } },
  { "lua/moonpoll/task.lua", "What a device can be asked", "device:", prefix = "device", to = "matched" },
  { "lua/moonpoll/init.lua", "Decoders and names", "snmp.", to = "host" },
  { "lua/moonpoll/nginx.lua", "Pages of probes", "nginx." },
  { "lua/resty/moonpoll.lua", "resty.moonpoll", "moonpoll:", methods = true },
  { "lua/moonpoll/init.lua", "Without sockets: moonpoll.core", "core.", from = "host" },
}

local function read(path)
  local f = assert(io.open(path))
  local s = f:read "*a"
  f:close()
  return s
end

-- The blocks of a file: { lines = of comment, code = the line after it }.
local function blocks(text)
  local out, block = {}, nil
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local first, more = line:match "^%s*%-%-%-%s?(.*)$", line:match "^%s*%-%-%s?(.*)$"
    if first and not line:match "^%s*%-%-%-%-" then
      block = { lines = { first } }
      out[#out + 1] = block
    elseif more and block and not block.code then
      table.insert(block.lines, more)
    elseif block and not block.code then
      block.code = line
    end
  end
  return out
end

-- Text, parameters, results, usage, name.
local function parse(block)
  local b = { text = {}, params = {}, returns = {}, usage = {} }
  local into = b.text
  for _, line in ipairs(block.lines) do
    local tag, rest = line:match "^@(%w+)%S*%s*(.*)$"
    local alt = line:match "^@%w+%[(%d)%]"
    local full = line:match "^@%S+%s+(.*)$" or ""
    if tag == "function" then b.name = rest
    elseif tag == "section" then b.section = rest
    elseif tag == "module" then b.module = rest
    elseif tag == "tparam" or tag == "param" then
      local optional = line:match "^@%w+%[opt" ~= nil
      local default = line:match "^@%w+%[opt=(.-)%]"
      local kind, name, what
      if tag == "param" then name, what = full:match "^(%S+)%s*(.*)$"
      else
        kind, name, what = full:match "^(%b{})%s+(%S+)%s*(.*)$"
        if not kind then kind, name, what = full:match "^(%S+)%s+(%S+)%s*(.*)$" end
      end
      local p = { name = name, kind = kind or "", optional = optional or (kind or ""):find "^%?" ~= nil, default = default, what = { what } }
      table.insert(b.params, p)
      into = p.what
    elseif tag == "treturn" or tag == "return" then
      local r = { alt = alt, what = { full } }
      table.insert(b.returns, r)
      into = r.what
    elseif tag == "usage" then
      into = b.usage
      if full ~= "" then table.insert(into, full) end
    else
      table.insert(into, line)
    end
  end
  if not b.name and block.code then
    b.name = block.code:match "^%s*function [%w_]+%.([%w_]+)%(" or block.code:match "^%s*function ([%w_.:]+)%(" or
      block.code:match "^%s*[%w_]+%.([%w_]+)%s*="
    b.prefix = block.code:match "^%s*function ([%w_]+)%." or block.code:match "^%s*([%w_]+)%.[%w_]+%s*="
  end
  b.public = b.name and b.prefix ~= "c" and (b.prefix or not block.code or b.name:find "%." or true)
  return b
end

local function plain(lines)
  local text = table.concat(lines, "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  return (text:gsub("@{([%w_.]+)}", "`%1`"))
end
local function line_of(lines) return (plain(lines):gsub("%s*\n%s*", " ")) end

local function render(out, b, call)
  local args = {}
  for _, p in ipairs(b.params) do args[#args + 1] = p.optional and "[" .. p.name .. "]" or p.name end
  out[#out + 1] = ("### `%s%s(%s)`\n"):format(call, b.name, table.concat(args, ", "))
  local text = plain(b.text)
  if text ~= "" then out[#out + 1] = text .. "\n" end
  for _, p in ipairs(b.params) do
    out[#out + 1] = ("- `%s` %s%s %s"):format(p.name, p.kind ~= "" and "(" .. p.kind:gsub("^%?", "") .. ")" or "", p.default and ", else " .. p.default or
      "", (table.concat(p.what, "\n"):gsub("%s+$", "")))
  end
  if #b.returns > 0 then
    local alts, order = {}, {}
    for _, r in ipairs(b.returns) do
      local k = r.alt or "1"
      if not alts[k] then
        alts[k] = {}
        order[#order + 1] = k
      end
      table.insert(alts[k], line_of(r.what))
    end
    for _, k in ipairs(order) do out[#out + 1] = "- gives " .. table.concat(alts[k], "; ") end
  end
  if #b.usage > 0 then out[#out + 1] = "\n```lua\n" .. plain(b.usage) .. "\n```" end
  out[#out + 1] = ""
end

local function draw()
  local out = {}
  for _, s in ipairs(sources) do
    out[#out + 1] = "\n## " .. s[2] .. "\n"
    local on = not s.from
    for _, block in ipairs(blocks(read(s[1]))) do
      local b = parse(block)
      if b.section then on = s.from == b.section or (on and s.to ~= b.section) end
      local last = s.to and block.code and block.code:find("function " .. s.to .. "%(")
      if last then on = false end
      local wanted = (not s.only or s.only[b.name or ""]) and (not s.prefix or (b.name or ""):find("^" .. s.prefix .. "[:.]") or b.prefix == s.prefix)
      if on and b.name and not b.module and not b.section and wanted and (s.prefix or #b.params + #b.returns > 0) then
        if s.prefix then b.name = b.name:gsub("^" .. s.prefix .. "[:.]", "") end
        render(out, b, s[3])
      end
    end
  end
  return (table.concat(out, "\n"):gsub("[ \t]+\n", "\n"):gsub("\n\n\n+", "\n\n"))
end

local page = read(PAGE)
local head = assert(page:match("^(.-" .. MARK:gsub("%-", "%%-") .. "\n)"), PAGE .. " has no line " .. MARK)
local fresh = head .. draw():gsub("%s+$", "") .. "\n"
if arg[1] == "--check" then
  if fresh ~= page then
    io.stderr:write(PAGE .. " is not as the comments are: make doc\n")
    os.exit(1)
  end
else
  local f = assert(io.open(PAGE, "w"))
  f:write(fresh)
  f:close()
  print(PAGE .. (fresh == page and " is as the comments are" or " is written anew"))
end
