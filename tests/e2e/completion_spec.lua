-- Completion in the shell, and the --help it comes from: every command has one, and it names every option there is.
local t = require "e2e.helper"

local function words(text)
  local list = {}
  for w in text:gmatch "%S+" do list[#list + 1] = w end
  table.sort(list)
  return list
end
local function set(list)
  local s = {}
  for _, w in ipairs(list) do s[w] = true end
  return s
end

-- The commands that `moonpoll --help` explains; those that are asked like get stand in one line.
local function commands()
  local status, out, err = t.run { t.program, "--help" }
  assert.equal(0, status)
  assert.equal("", err)
  local list = {}
  for line in (out:match "^usage: (.-)\n\n"):gmatch "[^\n]+" do
    local rest = line:match "moonpoll (.*)"
    while true do
      local name, more = rest:match "^([a-z]+)(.*)"
      if not name then break end
      list[#list + 1] = name
      rest = more:match "^ | (.*)"
      if not rest then break end
    end
  end
  assert.is_true(#list >= 13)
  return list
end

describe("--help", function()
  teardown(t.cleanup)

  for _, command in ipairs(commands()) do
    it("of " .. command, function()
      for _, how in ipairs { { command, "--help" }, { "help", command } } do
        local status, out, err = t.run { t.program, unpack(how) }
        assert.equal(0, status)
        assert.equal("", err)
        assert.truthy(out:find("usage: moonpoll " .. command, 1, true) == 1, out)
        assert.truthy(out:find("--help", 1, true), out)
        assert.truthy(out:find("example: moonpoll " .. command, 1, true), out)
        for line in out:gmatch "[^\n]+" do assert.truthy(#line <= 160, line) end
      end
    end)
  end

  it("names every option that is taken", function()
    local n = 0
    for command, file in pairs { run = "options", sim = "sim", record = "record", check = "check" } do
      local _, out = t.run { t.program, command, "--help" }
      local source = t.read("core/main/" .. file .. ".c")
      for name, value in source:gmatch '{"([a-z-]+)", %w+_argument, NULL, ([^}]+)}' do
        local letter = value:match "^'(.)'$"
        assert.truthy(out:find("--" .. name, 1, true) or (letter and out:find("-" .. letter .. " ", 1, true)), command .. " --" .. name)
        n = n + 1
      end
      for letters in source:gmatch 'getopt_long%([^;]-"%-?:?([%a:]*)"' do
        for letter in letters:gmatch "%a" do
          assert.truthy(letter == "h" or out:find("-" .. letter, 1, true), command .. " -" .. letter)
        end
      end
    end
    assert.is_true(n > 30)
  end)
end)

describe("completion", function()
  teardown(t.cleanup)

  -- What bash offers for the last word.
  local function complete(...)
    local list = { ... }
    for i, w in ipairs(list) do list[i] = t.quote(w) end
    local script = ([[
set -u
compopt() { :; }
. core/main/moonpoll.bash
COMP_WORDS=(moonpoll %s) COMP_CWORD=%d COMPREPLY=()
case $(complete -p moonpoll) in "complete -F _moonpoll moonpoll") ;; *) echo "is not installed" >&2 ;; esac
_moonpoll %s "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}]]):format(table.concat(list, " "), #list, t.quote(t.program))
    local status, out, err = t.run({ "bash", "-c", script }, { seconds = 20 })
    assert.equal("", err)
    assert.equal(0, status)
    return words(out)
  end

  it("of commands: those that --help explains", function()
    local want = commands()
    for _, w in ipairs { "help", "--help", "--version" } do want[#want + 1] = w end
    table.sort(want)
    assert.same(want, complete "")
    assert.same({ "record", "release", "reload", "replace", "rollback", "run" }, complete "r")
    assert.same({ "set", "sim", "status", "stop" }, complete("help", "s"))
  end)

  for _, command in ipairs(commands()) do
    it("of the options of " .. command .. ": all that its help names", function()
      local _, help = t.run { t.program, command, "--help" }
      local got, n = set(complete(command, "-")), 0
      for line in help:gmatch "\n(  %-[^\n]*)" do
        for option in (line .. "  "):match("^  (.-)  "):gmatch "%f[%-%w]%-%-?[%w-]+" do
          option = option:match "^%-C%l" or option
          assert.truthy(got[option], option .. " in: " .. line)
          n = n + 1
        end
      end
      assert.is_true(n > 0)
      for option in pairs(got) do -- and nothing else
        assert.truthy(help:find(option, 1, true), option)
      end
    end)
  end

  it("of values: those that are taken", function()
    for _, case in ipairs { { "run", "-o" }, { "run", "--log" }, { "run", "--loop" }, { "run", "-v" }, { "sim", "--log" }, { "sim", "--loop" } } do
      local offered = complete(case[1], case[2], "")
      assert.is_true(#offered >= 2, case[2])
      for _, value in ipairs(offered) do
        local _, _, err = t.run { t.program, case[1], case[2], value, "/nowhere" }
        assert.is_nil(err:find(case[2] .. ":", 1, true), err)
        assert.is_nil(err:find('"' .. value .. '" is not', 1, true), err)
      end
    end
    assert.same({ "warn" }, complete("run", "--log", "=", "w"))
    assert.same({}, complete("run", "--every", ""))
  end)

  it("of files", function()
    assert.same({ "tests/mutants/mutants.lua" }, complete("run", "tests/mutants/m"))
    assert.same({}, complete("run", "Makef"))
    assert.same({ "Makefile" }, complete("run", "tests/mutants/mutants.lua", "--targets", "Makef"))
    assert.truthy(set(complete("check", "x.lua", "--recording", "tests/recordings/s"))["tests/recordings/switch.snmprec"])
    assert.truthy(set(complete("test", "tests/golden/sy"))["tests/golden/system.test.lua"])
    assert.truthy(set(complete("status", "--run-dir", "tests/g"))["tests/golden"])
  end)

  it("of names", function()
    assert.same({ "add", "list", "show" }, complete("mib", ""))
    assert.same({ "IF-MIB" }, complete("mib", "show", "IF-"))
    assert.same({ "IF-MIB::" }, complete("get", "192.0.2.1", "IF-"))
    assert.same({ "ifHCOutOctets" }, complete("walk", "192.0.2.1", "IF-MIB", "::", "ifHCOutO"))
    assert.truthy(set(complete("walk", "192.0.2.1", "IF-MIB", "::"))["ifDescr"])
  end)

  it("for zsh, where there is one, is understood", function()
    local status, _, err = t.run({}, { shell = "if command -v zsh >/dev/null; then exec zsh -n core/main/moonpoll.zsh; fi" })
    assert.equal("", err)
    assert.equal(0, status)
  end)
end)
