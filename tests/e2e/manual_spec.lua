-- The manual and the program: what --help names stands in the manual and the other way round; so do counters, codes and keys.
local cjson = require "cjson"
local t = require "e2e.helper"

local function page(name) return t.read("core/main/" .. name) end

-- Options of a page, as they are typed: `.Fl o Ar format , Fl -output Ar format`, `.Fl u , l , a`, `.Fl - Ns Cm help`.
local function flags(text)
  local set = {}
  for line in text:gmatch "[^\n]+" do
    local words, follows = {}, false
    for w in line:gmatch "%S+" do words[#words + 1] = w:gsub("^%.", #words == 0 and "" or ".") end
    for i, w in ipairs(words) do
      local first = words[i - 1] == "Fl"
      if first and w == "-" then
        set["--" .. (words[i + 3] or "")] = true
      elseif first or (follows and words[i - 1] == "," and not w:find "^%u%l$") then
        set["-" .. w:gsub("[.,)]$", "")] = true
        follows = true
      elseif w ~= "," then
        follows = false
      end
    end
  end
  return set
end

local function options(help)
  local set = {}
  for line in help:gmatch "\n(  %-[^\n]*)" do
    for option in (line .. "  "):match("^  (.-)  "):gmatch "%f[%-%w]%-%-?[%w-]+" do set[option:match "^%-C%l" or option] = true end
  end
  return set
end

local function mentions(text, word) return text:find("%f[%w_]" .. word:gsub("%p", "%%%0") .. "%f[^%w_]") end

describe("the manual", function()
  teardown(t.cleanup)

  it("has the options of --help, and no other", function()
    local known, n = { ["-h"] = true, ["--version"] = true, ["--token"] = true }, 0 -- token: any line of snmp.conf
    local pages = {
      ["moonpoll.1"] = { "run", "status", "tasks", "reload", "promote", "rollback", "stop", "replace", "release", "check", "test", "mib" },
      ["moonpoll-sim.1"] = { "sim", "record" }, ["moonpoll-get.1"] = { "get", "getnext", "bulkget", "walk", "bulkwalk", "set" } }
    for name, commands in pairs(pages) do
      local there = flags(page(name))
      for _, command in ipairs(commands) do
        local status, help = t.run { t.program, command, "--help" }
        assert.equal(0, status)
        for option in pairs(options(help)) do
          assert.truthy(there[option], ("%s: %s %s"):format(name, command, option))
          known[option] = true
          n = n + 1
        end
      end
    end
    assert.is_true(n >= 150, n)
    for name in pairs(pages) do
      for option in pairs(flags(page(name))) do assert.truthy(known[option] or known[option:sub(1, 2)], name .. ": " .. option) end
    end
  end)

  it("names what --stats and status give", function()
    local stats = t.path "stats.json"
    local status, _, err = t.run { t.program, "run", "scripts/system.lua", "--targets", "file:tests/recordings/small.snmprec", "--once", "-o", "null",
      "--stats", stats }
    assert.equal(0, status, err)
    local text, codes = page "moonpoll.1", page "moonpoll-lua.3"
    local got, n = cjson.decode(t.read(stats)), 0
    for key, value in pairs(got) do
      assert.truthy(mentions(text, key), key)
      for name in pairs(type(value) == "table" and key ~= "workers" and value or {}) do
        assert.truthy(mentions((key == "errors" or key == "run_errors") and codes .. " ok script" or text, name), key .. "." .. name)
        n = n + 1
      end
    end
    assert.is_true(n > 100)
  end)

  it("names the keys of a configuration", function()
    local text, n = page "moonpoll.1", 0
    for list in t.read("core/bind/load/config.c"):gmatch "KEYS%[%] = (%b{})" do
      for key in list:gmatch '"([%w_]+)"' do
        assert.truthy(mentions(text, key), key)
        n = n + 1
      end
    end
    assert.is_true(n > 50)
  end)
end)
