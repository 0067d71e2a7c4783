-- `moonpoll mib`, names on the command line and in probes. The judges: libsmi's smidump, and Debian's tools with the same modules.
local t = require "e2e.helper"
local corpus = require "e2e.mib_corpus"
local dump = require "e2e.mib_dump"

local function words(...)
  local list = { t.program }
  for _, w in ipairs { ... } do list[#list + 1] = w end
  return list
end

local function mib_with(options, file, ...)
  local list = words("mib", "--mib-file", file)
  for _, w in ipairs { ... } do list[#list + 1] = w end
  return t.run(list, options)
end
local function mib(...) return mib_with(nil, ...) end

-- The same in a directory for temporary files of its own; what it left there is the fourth result.
local function mib_alone(...)
  local temporary = io.popen("mktemp -d"):read "*l"
  local status, out, err = mib_with({ env = { TMPDIR = temporary } }, ...)
  local left = io.popen("ls " .. temporary):read "*a"
  os.execute("rm -rf " .. temporary)
  return status, out, err, left
end

local function has(tool) return os.execute("command -v " .. tool .. " >/dev/null 2>&1") == 0 end

-- What libsmi may tell apart after our text of a module: a module's identity and its groups are plain nodes there, and SMIv2 has no
-- mandatory.
local function plain(facts)
  return (("\n" .. facts):gsub("\n%s+", " "):gsub("\nidentity ", "\nnode "):gsub("\ngroup ", "\nnode "):gsub("\ncompliance ", "\nnode ")
    :gsub("\ncapabilities ", "\nnode "):gsub(" mandatory%f[%s]", ""):gsub(" optional%f[%s]", ""):gsub("(\nnode [^\n]*) deprecated", "%1")
    :gsub("(\nnode [^\n]*) obsolete", "%1"):gsub("(\nnotification [^\n]*) deprecated", "%1"):gsub("(\nnotification [^\n]*) obsolete", "%1"))
end

local good = [[
%s DEFINITIONS ::= BEGIN
IMPORTS MODULE-IDENTITY, OBJECT-TYPE, Integer32, enterprises FROM SNMPv2-SMI
  DisplayString, TEXTUAL-CONVENTION FROM SNMPv2-TC ifIndex FROM IF-MIB;
%sMIB MODULE-IDENTITY LAST-UPDATED "202601010000Z" ORGANIZATION "x" CONTACT-INFO "x" DESCRIPTION "x" ::= { enterprises 99999 %d }
%sState ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION "x" SYNTAX INTEGER { fine(1), poor(2) }
%sTable OBJECT-TYPE SYNTAX SEQUENCE OF XEntry MAX-ACCESS not-accessible STATUS current DESCRIPTION "x" ::= { %sMIB 1 }
%sEntry OBJECT-TYPE SYNTAX XEntry MAX-ACCESS not-accessible STATUS current DESCRIPTION "x" INDEX { ifIndex, IMPLIED %sName } ::= { %sTable 1 }
XEntry ::= SEQUENCE { %sName DisplayString, %sNow %sState, %sLoad Integer32 }
%sName OBJECT-TYPE SYNTAX DisplayString (SIZE (1..20)) MAX-ACCESS not-accessible STATUS current DESCRIPTION "x" ::= { %sEntry 1 }
%sNow OBJECT-TYPE SYNTAX %sState MAX-ACCESS read-only STATUS current DESCRIPTION "x" ::= { %sEntry 2 }
%sLoad OBJECT-TYPE SYNTAX Integer32 (0..100) UNITS "percent" MAX-ACCESS read-only STATUS current DESCRIPTION "x" ::= { %sEntry 3 }
END
]]

--- A module of its own: names begin with `prefix`.
local function module(name, prefix, number)
  local type_name = prefix:gsub("^%l", string.upper)
  local args = {}
  for spec in good:gmatch "%%([sd])" do args[#args + 1] = spec == "d" and number or prefix end
  args[1] = name
  local text = good:format(unpack(args))
  return (text:gsub("%f[%w]" .. prefix .. "State", type_name .. "State"):gsub("XEntry", type_name .. "Entry"))
end

describe("moonpoll mib", function()
  local dir, exported
  lazy_setup(function()
    dir = t.path "mibs"
    exported = dir .. "/exported"
    assert(os.execute("mkdir -p " .. exported .. " " .. dir .. "/cert_indexes") == 0)
    local script = {}
    local _, list = mib("/nonexistent", "list")
    for name in (list .. "\nSNMPv2-CONF \nRFC1155-SMI \nRFC-1212 \nRFC-1215 \n"):gmatch "([%w-]+) [^\n]*" do
      script[#script + 1] = ("%s mib show --smi %s >%s/%s"):format(t.program, name, exported, name)
    end
    assert.is_true(#script > 30)
    assert.equal(0, (t.run { "sh", "-e", t.write("export", table.concat(script, "\n")) }))
  end)
  lazy_teardown(function() t.cleanup() end)

  local function put(name, text)
    local f = assert(io.open(dir .. "/" .. name, "wb"))
    f:write(text)
    f:close()
    return dir .. "/" .. name
  end

  it("compiles its own modules to the same facts", function()
    local status, out, err = mib(dir .. "/own", "add", exported)
    assert.equal(0, status, err)
    assert.equal("", err)
    assert.truthy(out:match "^%d+ modules, %d+ names; %d+ octets in ")
    local _, list = mib("/nonexistent", "list")
    for name in list:gmatch "([%w-]+) [^\n]*\n" do
      local _, mine = mib("/nonexistent", "show", name)
      local _, theirs = mib(dir .. "/own", "show", name)
      if name ~= "SNMPv2-SMI" then assert.equal(plain(mine), plain(theirs)) end -- whose types are part of the notation
    end
  end)

  it("has the OIDs smidump reads", function()
    if not has "smidump" then return pending "smidump is not installed (smitools)" end
    local conf = put("smi.conf", "path " .. exported .. "\n")
    local _, list = mib("/nonexistent", "list")
    local checked = 0
    for name in list:gmatch "([%w-]+) [^\n]*\n" do
      local _, out = t.run { "smidump", "-k", "-l0", "-c", conf, "-f", "identifiers", name }
      local asked, want = {}, {}
      for id, oid in out:gmatch("\n" .. name:gsub("%-", "%%-") .. " ([%w-]+) +[%w<>]+ +(1[%d.]+)") do
        asked[#asked + 1] = name .. "::" .. id
        want[#want + 1] = name .. "::" .. id .. "\n." .. oid
      end
      if #asked > 0 then
        local _, shown = mib("/nonexistent", "show", unpack(asked))
        local got, i = {}, 0
        for line in shown:gmatch "[^\n]+" do
          if line:find "::" or line:find "^joint" then
            i = i + 1
            got[i] = asked[i] -- by whatever name the OID is printed
          elseif line:find "^%.%d" then
            got[i] = got[i] .. "\n" .. line
          end
        end
        assert.same(want, got)
        checked = checked + #asked
      end
    end
    assert.is_true(checked > 2000, "only " .. checked)
  end)

  it("agrees with the published modules, where there are any", function()
    local place = os.getenv "MOON_TEST_MIBS"
    for _, p in ipairs { "/var/lib/mibs/ietf", "/usr/share/mibs/ietf" } do
      if not place and t.read(p .. "/IF-MIB") ~= "" then place = p end
    end
    if not place then return pending "the published modules are not installed (MOON_TEST_MIBS=DIR)" end
    local status, _, err = mib(dir .. "/published", "add", "--quiet", place)
    assert.equal(0, status, err)
    for _, name in ipairs { "SNMPv2-MIB", "IF-MIB", "IP-MIB", "HOST-RESOURCES-MIB", "ENTITY-MIB", "ENTITY-SENSOR-MIB", "BGP4-MIB", "BRIDGE-MIB",
                            "LLDP-MIB", "UPS-MIB" } do
      local _, mine = mib("/nonexistent", "show", name)
      local _, theirs = mib(dir .. "/published", "show", name)
      if theirs:find "\ncolumn " then assert.equal(mine, theirs) end
    end
  end)

  it("adds modules, keeps those before, shows them", function()
    local file = dir .. "/file/of/names"
    local status, out, err = mib(file, "add", put("A-MIB.txt", module("A-MIB", "aaa", 1)))
    assert.equal(0, status, err)
    assert.equal("", err)
    assert.truthy(out:find("1 modules, 6 names; ", 1, true))
    assert.equal(0, (mib(file, "add", put("b.my", module("B-MIB", "bbb", 2)))))
    assert.equal(0, (mib(file, "add", put("b.my", (module("B-MIB", "bbb", 2):gsub("poor%(2%)", "poor(3)"))))))
    local _, list = mib(file, "list")
    assert.truthy(list:find("A-MIB +6  " .. file:gsub("%-", "%%-")))
    assert.truthy(list:find("B-MIB +6  " .. file:gsub("%-", "%%-")))
    assert.truthy(list:find "IF%-MIB +%d+  built in")
    local _, shown = mib(file, "show", "aaaNow.3.120.121", "B-MIB::bbbNow")
    assert.equal("A-MIB::aaaNow.3.'xy'\n.1.3.6.1.4.1.99999.1.1.1.2.3.120.121\ncolumn aaaNow aaaEntry.2 AaaState ro\ntype AaaState int fine=1 poor=2\n"
      .. "B-MIB::bbbNow\n.1.3.6.1.4.1.99999.2.1.1.2\ncolumn bbbNow bbbEntry.2 BbbState ro\ntype BbbState int fine=1 poor=3\n", shown)
    local _, facts = mib(file, "show", "A-MIB")
    assert.truthy(facts:find("row aaaEntry aaaTable.1 = ifIndex !aaaName\n", 1, true))
    assert.truthy(facts:find('column aaaLoad aaaEntry.3 int 0..100 ro units "percent"\n', 1, true))
    assert.equal(1, (mib(file, "show", "nosuch")))
  end)

  it("takes what is good of what is broken, and says where it is not", function()
    local broken = dir .. "/broken"
    assert(os.execute("mkdir -p " .. broken .. "/below") == 0)
    put("broken/GOOD-MIB", module("GOOD-MIB", "good", 10))
    local whole = module("CUT-MIB", "cut", 11)
    for i, at in ipairs { 30, 200, 420, 700, 1100, #whole - 5 } do
      put(("broken/cut%d"):format(i), (whole:sub(1, at):gsub("CUT%-MIB", "CUT" .. i .. "-MIB"):gsub("99999 11", "99999 1" .. i)))
    end
    put("broken/round1", (module("ROUND1-MIB", "rounda", 21):gsub("ifIndex FROM IF%-MIB", "roundbName FROM ROUND2-MIB"):gsub("{ ifIndex", "{ roundbName")))
    put("broken/round2", (module("ROUND2-MIB", "roundb", 22):gsub("ifIndex FROM IF%-MIB", "roundaName FROM ROUND1-MIB"):gsub("{ ifIndex", "{ roundaName")))
    put("broken/lost", (module("LOST-MIB", "lost", 23):gsub("enterprises FROM SNMPv2%-SMI", "enterprises FROM SNMPv2-SMI nowhere FROM NOWHERE-MIB")
      :gsub("{ enterprises 99999", "{ nowhere")))
    put("broken/range", (module("RANGE-MIB", "range", 24):gsub("%(0%.%.100%)", "(100..0)")))
    put("broken/huge", (module("HUGE-MIB", "huge", 25):gsub("%(0%.%.100%)", "(0..99999999999999999999)")))
    put("broken/twice", module("GOOD-MIB", "twice", 26))
    put("broken/below/noise", ("\0\255\1DEFINITIONS ::= BEGIN \127"):rep(200))
    put("broken/below/empty", "")
    put("broken/below/text", "no module, only words")
    local status, out, err, left = mib_alone(dir .. "/rest", "add", broken)
    assert.equal(0, status, err)
    assert.equal("", left)
    assert.truthy(out:find "^%d+ modules, ")
    for _, want in ipairs {
      broken .. "/below/empty: no MIB module in it; skipped", broken .. "/below/text: no MIB module in it; skipped",
      broken .. "/twice:1: a module of this name was read from another file; skipped", broken .. "/lost:", "NOWHERE-MIB",
      broken .. "/lost: 6 names skipped: where they belong is not known", broken .. "/range:11: ", broken .. "/cut4:9: syntax error",
      broken .. "/huge:11: ", broken .. "/round1:3: identifier `roundbName' cannot be imported",
    } do
      assert.truthy(err:find(want, 1, true), want .. "\n" .. err)
    end
    assert.is_nil(err:find("moonpoll-mib", 1, true), err)
    local _, shown = mib(dir .. "/rest", "show", "GOOD-MIB::goodLoad", "ROUND1-MIB::roundaNow", "ROUND2-MIB::roundbNow", "HUGE-MIB::hugeNow")
    assert.equal(4, select(2, shown:gsub("%-MIB::", "")), shown)
  end)

  it("is done with a thousand modules in two seconds, broken ones among them", function()
    local many, file = dir .. "/many", dir .. "/manyfile"
    assert(os.execute("mkdir -p " .. many) == 0)
    local clean, broken, octets = corpus.write(many, 1000)
    assert.is_true(#clean >= 500 and #broken >= 400 and octets > 25e6)
    -- A sanitizer would tell of the crashes that are meant to happen.
    local command = ("%s mib add --mib-file %s %s"):format(t.program, file, many)
    local status, out, err = t.run({}, { shell = "export ASAN_OPTIONS=$ASAN_OPTIONS:handle_segv=0; " .. command .. "; s=$?; times >&2; exit $s",
      seconds = 120 })
    assert.equal(0, status, err:sub(1, 2000))
    local modules, names = out:match "^(%d+) modules, (%d+) names; "
    assert.is_true(tonumber(modules) >= 990 and tonumber(names) > 60000, out)
    local um, us, sm, ss = err:match "(%d+)m([%d.]+)s (%d+)m([%d.]+)s%s*$" -- CPU: what else the machine does is none of its business
    local cpu = 60 * um + us + 60 * sm + ss
    local allowed = (os.getenv "B" or ""):find "san" and 8 or 2
    assert.is_true(cpu <= allowed, cpu .. " s")
    for _, want in ipairs { "M14%-MIB:%d+: failed to locate MIB module `NOWHERE%-MIB'", "M12%-MIB:%d+: identifier `m13xOneName' cannot be imported",
                            "M15%-MIB:%d+: identifier `ifNothing' cannot be imported",
                            "M16%-MIB:%d+: range limits must be", "M17%-MIB:%d+: redefinition of number `1'",
                            "M18%-MIB:%d+: text in quotes does not end", "M119%-MIB: the parser does not survive it; skipped" } do
      assert.truthy(err:find(want), want)
    end
    local cut = 0 -- each that was cut says where; and none of the clean ones is told of
    for line in err:gmatch "[^\n]+" do
      local i = tonumber(line:match "/CORPUS%-M(%d+)%-MIB[:%d]*: " or 0)
      if i % 20 == 11 then cut = cut + 1 end
      assert.is_true(i == 0 and line:find "^%d" ~= nil or i % 20 > 10, line)
    end
    assert.is_true(cut >= 50)
    local _, shown = mib(file, "show", "CORPUS-M16-MIB::m16xRing", "m16xHex", "m16xTwice", "m118xMIB", "m999xOneState", "1.3")
    for _, want in ipairs { "Ring m16xObjects.93 unsigned32 0..50 ro", "Hex m16xObjects.94 unsigned32 0..4294967295 ro", "Twice m16xObjects.92 int 0..20 ro",
                            "identity m118xMIB ", "column m999xOneState m999xOneEntry.2 M999xState ro", "SNMPv2-SMI::org\n.1.3\n" } do
      assert.truthy(shown:find(want, 1, true), want .. "\n" .. shown)
    end
    -- Once more: what came along with them stands for no module.
    local again, _, more = mib_with({ seconds = 120 }, file, "add", "--quiet", many .. "/" .. clean[1])
    assert.equal(0, again)
    assert.equal("", more)
  end)

  it("has of clean modules what smidump has", function()
    if not has "smidump" then return pending "smidump is not installed (smitools)" end
    local place, file = dir .. "/judged", dir .. "/judgedfile"
    assert(os.execute("mkdir -p " .. place) == 0)
    local clean = corpus.write(place, 200)
    local status, _, err = mib(file, "add", "--quiet", place)
    assert.equal(0, status, err)
    local conf, judged = put("judge.conf", ("path %s:%s\n"):format(exported, place)), 0
    local oids = { enterprises = "1.3.6.1.4.1" }
    for first = 1, #clean, 20 do
      local list = { unpack(clean, first, math.min(first + 19, #clean)) }
      local _, xml = t.run { "smidump", "-k", "-l0", "-c", conf, "-f", "xml", unpack(list) }
      local _, facts = mib(file, "show", unpack(list))
      local want, got = dump.of_smidump(xml), dump.of_facts(facts, oids)
      for _, name in ipairs(list) do
        assert.is_true(want[name] ~= nil and got[name] ~= nil, name)
        assert.equal(table.concat(want[name], "\n"), table.concat(got[name], "\n"))
        judged = judged + #want[name]
      end
    end
    assert.is_true(judged > 6000, judged)
  end)

  it("refuses what is none of its business", function()
    assert.equal(2, (mib("/nonexistent", "add")))
    assert.equal(2, (mib("/nonexistent", "add", dir .. "/nosuch")))
    assert.equal(2, (mib("/nonexistent", "frobnicate")))
    assert.equal(2, (t.run(words "mib")))
    assert.equal(2, (t.run(words("mib", "--nosuch", "list"))))
    local status, out = t.run(words("mib", "--help"))
    assert.equal(0, status)
    assert.truthy(out:find "example: ")
    local shown, text = t.run { "env", "-i", t.program, "mib", "show", "ifHCInOctets" } -- no file of names is known of, nor needed
    assert.equal(0, shown)
    assert.truthy(text:find("IF-MIB::ifHCInOctets", 1, true), text)
    assert.equal(2, (t.run { "env", "-i", t.program, "mib", "add", "x" }))
    local damaged = put("damaged", ("x"):rep(5000))
    local _, _, err = mib(damaged, "list")
    assert.truthy(err:find("is damaged, or of another version", 1, true), err)
    local file = put("as-file", "x")
    local failed, _, why = mib(file .. "/below", "add", put("A-MIB.txt", module("A-MIB", "aaa", 1)))
    assert.equal(1, failed)
    assert.truthy(why:find(file, 1, true))
  end)

  describe("names on the command line", function()
    local agent
    lazy_setup(function() agent = t.agent { "--scenario", "tests/e2e/cli_scenario.lua" } end)
    lazy_teardown(function() agent:stop() end)

    -- The same from Debian's tool with our modules, from ours with what is built in.
    local function both(name, args)
      local target = agent:target "127.0.2.1"
      local env = { LC_ALL = "C", HOME = dir, SNMPCONFPATH = dir, SNMP_PERSISTENT_DIR = dir }
      local all = {}
      for _, a in ipairs(args) do all[#all + 1] = a == "AT" and target or a end
      local theirs, ours = { "snmp" .. name, "-M", exported, "-m", "ALL" }, { t.program, name }
      for _, list in ipairs { theirs, ours } do
        for _, a in ipairs { "-v2c", "-c", "public", "-r", "1", unpack(all) } do list[#list + 1] = a end
      end
      local s1, out1, err1 = t.run(theirs, { env = env })
      env.MIBS, env.MOONPOLL_MIBS = "ALL", dir .. "/none"
      local s2, out2, err2 = t.run(ours, { env = env })
      local what = name .. " " .. table.concat(args, " ")
      assert.equal(what .. "\n" .. out1, what .. "\n" .. out2)
      assert.equal(what .. "\n" .. err1, what .. "\n" .. err2)
      assert.equal(s1, s2, what)
    end

    it("are what Debian's tools print with the modules", function()
      for _, options in ipairs { "-OS", "-Os", "-Of", "-On", "-Ou", "-OX", "-Ob", "-OE", "-Oe", "-Oq", "-OQ", "-OU", "-Ot", "-Ox", "-Oa", "-OT", "-O0",
                                 "-Ov", "-Oqv", "-OsX", "-Oseq", "-OfX", "-OXE" } do
        both("walk", { options, "AT", "mib-2" })
      end
    end)
    it("are taken as Debian's tools take them", function()
      both("get", { "AT", "sysUpTime.0", "SNMPv2-MIB::sysName.0", "system.sysName.0", ".iso.org.dod.internet.mgmt.mib-2.system.sysDescr.0" })
      both("get", { "AT", "nosuch.0" })
      both("get", { "AT", "IF-MIB::nosuch.0" })
      both("get", { "AT", "ifDescr.x" })
      both("getnext", { "AT", "ifDescr" })
      both("walk", { "AT", "IF-MIB::ifTable" })
    end)
    it("are found by leaf and by pattern as Debian's tools find them", function()
      for _, text in ipairs { "sysName.0", "nosuch", "ifDesc.1", "IF-MIB::nosuch.1", "ifDescr.x", ".iso.org", "iso.3.6.1.2.1.1.5.0",
                              ".1.3.6.1.2.1.1.5.0", ".ifDescr", "interfaces.2.1", "IF-MIB::ifDescr[1]", "ifDescr[1]", "mib-2.1", "", "-" } do
        both("getnext", { "-IR", "AT", "--", text })
      end
      for _, text in ipairs { "sysN.me", "SYSNAM", "sysname.0", "xyzzy", "[", ".1.3.6.1", "IF-MIB::ifDesc", "", "iso", "if.*oct",
                              "sys.*Time", "^if", "Status$", "addr", "table", "e", "count|index", "(a|b)+c", "^.{4}$", "ups.*vol", "lldp.*id" } do
        both("getnext", { "-Ib", "AT", "--", text })
      end
      for _, text in ipairs { "sysNam", "if.esc", "octets", "IF-MIB::ifDesc", ".ifDescr", "sysNam.0" } do
        both("getnext", { "AT", "--", text })
        both("getnext", { "-IbR", "AT", "--", text })
        both("getnext", { "-Iu", "AT", "--", text })
      end
      both("walk", { "-Ib", "-Is", ".0", "AT", "sysNam" })
      both("get", { "-Ib", "-OS", "AT", "sysNam" })
    end)
    it("are numbers with MIBS=", function()
      local status, out = t.run(words("get", "-v2c", "-c", "public", agent:target "127.0.2.1", "1.3.6.1.2.1.1.5.0"), { env = { MIBS = "" } })
      assert.equal(0, status)
      assert.truthy(out:find "^iso%.3%.6%.1%.2%.1%.1%.5%.0 = ")
      status, out = t.run(words("get", "-m", "", "-v2c", "-c", "public", agent:target "127.0.2.1", "1.3.6.1.2.1.1.5.0"), { env = { MIBS = "ALL" } })
      assert.equal(0, status)
      assert.truthy(out:find "^iso%.3%.6%.1%.2%.1%.1%.5%.0 = ")
    end)
    it("are those of the file too", function()
      local file = dir .. "/probe-names"
      assert.equal(0, (mib(file, "add", put("P-MIB", (module("P-MIB", "ppp", 3):gsub("{ enterprises 99999 3 }", "{ 1 3 6 1 2 1 1 }"))))))
      local status, out = t.run(words("mib", "show", "P-MIB::pppLoad"), { env = { MOONPOLL_MIBS = file } })
      assert.equal(0, status)
      assert.truthy(out:find "pppLoad")
    end)

    it("serve a probe", function()
      local probe = put("names.lua", [[
local snmp = require "moonpoll"
local IF, SYS = snmp.mib "IF-MIB", snmp.mib "SNMPv2-MIB"
return { every = 60, timeout = 10, run = function(device, out)
  out:info("name", assert(device:get(SYS.sysName)))
  for index, row, head in device:rows({ oper = IF.ifOperStatus, descr = "IF-MIB::ifDescr" }, { with = { up = SYS.sysUpTime } }) do
    assert(head.up)
    local o = out:with { index = index, descr = row.descr }
    o:state("oper", IF.ifOperStatus[row.oper])
    if row.oper == IF.ifOperStatus.up then o:gauge("is_up", 1) end
  end
end }
]])
      local snmpd = t.snmpd()
      local status, out, err = t.run(words("run", probe, "--targets", snmpd.target, "-v2c", "-c", "public", "--once", "-o", "json"))
      snmpd.process:stop()
      assert.equal(0, status, err)
      assert.truthy(out:find('"name":"oper","type":"state","value":"up"', 1, true), out)
      assert.truthy(out:find('"descr":"lo"', 1, true), out)
      assert.truthy(out:find('"name":"is_up"', 1, true), out)
      assert.equal(0, (mib(dir .. "/mine", "add", put("MINE-MIB.txt", (module("MINE-MIB", "mine", 7):gsub("enterprises 99999 7", "enterprises 8072 3"))))))
      local mine = put("mine.lua", [[
local MINE = require("moonpoll").mib "MINE-MIB"
return { every = 60, timeout = 5, match = { "MINE-MIB::mineMIB.2" }, run = function(device, out)
  out:info("mine", tostring(MINE.mineLoad))
  out:info("nothing", assert(device:get "SNMPv2-MIB::sysObjectID.0"))
end }
]])
      local theirs = t.snmpd()
      status, out, err = t.run(words("run", mine, "--targets", theirs.target, "-c", "public", "--once", "-o", "json", "--mib-file", dir .. "/mine"))
      assert.equal(0, status, err)
      assert.truthy(out:find('"value":"1.3.6.1.4.1.8072.3.1.1.3"', 1, true), out) -- the agent is of those that match
      assert.truthy(out:find('"value":"1.3.6.1.4.1.8072.3.2.10"', 1, true), out)
      theirs.process:stop()
      status, out, err = t.run(words("run", mine, "--targets", "127.0.0.1", "--once"))
      assert.equal(2, status, out)
      assert.truthy(err:find("MINE-MIB", 1, true), err)
      status, out, err = t.run(words("run", mine, "--targets", "127.0.0.1", "--once", "--mib-file", dir .. "/no/such"))
      assert.equal(2, status, out)
      assert.truthy(err:find("--mib-file " .. dir .. "/no/such: No such file or directory", 1, true), err)
      for _, text in ipairs { "", "no names at all\n", assert(io.open(dir .. "/mine", "rb")):read(200) } do
        status, out, err = t.run(words("run", mine, "--targets", "127.0.0.1", "--once", "--mib-file", put("damaged", text)))
        assert.equal(2, status, out)
        assert.equal("", out)
        assert.truthy(err:find("^moonpoll: %-%-mib%-file " .. dir:gsub("%p", "%%%0") .. "/damaged: it is [^\n]*\n$"), err)
      end
      local bad = put("bad.lua", "local snmp = require 'moonpoll'\nlocal IF = snmp.mib 'IF-MIB'\nreturn { every = 60, run = function() end, x = IF.ifDexcr }\n")
      status, out, err = t.run(words("run", bad, "--targets", "127.0.0.1", "-v2c", "-c", "public", "--once"))
      assert.equal(2, status, out)
      assert.truthy(err:find("bad.lua:3: IF-MIB has no 'ifDexcr'", 1, true), err)
    end)
  end)
end)
