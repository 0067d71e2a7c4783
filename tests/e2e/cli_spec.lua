-- Our get, getnext, bulkget, walk, bulkwalk and set beside Debian's, against the same agent: standard output, standard error and
-- exit status are the same octets, command line by command line. Only what follows the "USAGE:" line is our own text.
local t = require "e2e.helper"
local beside = require "e2e.beside"
local ber = require "agent.ber"
local cases = require "e2e.cli_cases"
local sim = require "e2e.sim_rig"

local names = { "get", "getnext", "bulkget", "walk", "bulkwalk", "set" }

describe("the tools", function()
  local agent, both, dir

  lazy_setup(function()
    agent = t.agent { "--scenario", "tests/e2e/cli_scenario.lua" }
    both = beside.setup()
    dir = both.dir
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  local function at(line)
    return (line:gsub("%f[%w]D(%d+)", function(d) return "127.0.2." .. d .. ":" .. agent.port end):gsub("%f[%w]AT%f[%W]", agent.port))
  end

  local function run(...) return both:run(...) end
  local function compare(...) return both:compare(...) end

  -- In portions, so that a failure says roughly where.
  local portions, lines = {}, nil
  local by_status = {}
  for _, line in ipairs(cases) do
    if line:sub(1, 1) == "!" then
      by_status[#by_status + 1] = { command = line:sub(2) }
    elseif #by_status > 0 then
      table.insert(by_status[#by_status], line)
    else
      if not lines or #lines == 40 then
        lines = {}
        portions[#portions + 1] = lines
      end
      lines[#lines + 1] = line
    end
  end

  for i, portion in ipairs(portions) do
    it(("say what Debian's say, %d: %s ..."):format(i, portion[1]:sub(1, 60)), function()
      local words = {}
      for j, line in ipairs(portion) do words[j] = at(line) end
      compare(words)
    end)
  end

  it("tell every error-status as Debian's do", function()
    for _, status in ipairs(by_status) do
      agent:faults(status.command:match "^faults (%S+) (.*)$")
      local words = {}
      for j, line in ipairs(status) do words[j] = at(line) end
      compare(words)
    end
  end)

  it("read snmp.conf as Debian's do", function()
    local function conf(name, text) both:conf(name, (text:gsub("AT", agent.port))) end
    local walk, get = "snmpbulkwalk 127.0.2.1 1.3.6.1.4.1.99999", "snmpget 127.0.2.1 1.3.6.1.2.1.1.3.0"
    local use = both.use_conf
    for _, text in ipairs {
      "defVersion 2c\ndefCommunity public\ndefaultPort AT\n",
      "# a remark\n\n  defVersion v2c\ndefCommunity \"public\" # not part of it\ndefaultPort AT",
      "defVersion 2c\ndefCommunity public\ndefaultPort AT\nquickPrinting yes\nnumericTimeticks 1\n",
      "defVersion 2c\ndefCommunity public\ndefaultPort AT\noidOutputFormat 4\nhexOutputLength 8\nprintHexText true\n",
      "defVersion 1\ndefCommunity public\ndefaultPort AT\nprintNumericOids 1\n",
      "defVersion 2c\n", "foo bar\ndefVersion 2c\n", "noTokenWarnings 1\nfoo bar\ndefVersion 2c\n",
      "quickPrinting maybe\ndefVersion 2c\ndefCommunity public\ndefaultPort AT\n",
      "hexOutputLength\ndefVersion 2c\ndefCommunity public\ndefaultPort AT\n",
      "defVersion 2c\ndefCommunity public\ndefaultPort AT\ntimeout 1\nretries 0\nsuffixPrinting 1\noutputPrecision .1\n",
      "[snmp]\ndefVersion 2c\n[snmp] defCommunity public\ndefaultPort AT\n", "[nosuch]\ndefVersion 2c\n",
      "defSecurityLevel what\ndefVersion 2c\n", "include other\ndefVersion 2c\n", "includeFile other.conf\ndefVersion 2c\n",
      "DEFVERSION 2C\nDEFCOMMUNITY public\nDEFAULTPORT AT\n",
    } do
      conf("snmp.conf", text)
      compare({ walk, get, get .. " -Oq", get .. " -t 0.1 -r 0" }, use)
    end
    for _, text in ipairs { "defVersion 5\n", "defaultPort x\n", "[snmp\n", "defVersion\n", "'defVersion' 2c\n" } do
      conf("snmp.conf", text)
      compare({ at "snmpget -v2c -c public D1 1.3.6.1.2.1.1.5.0" }, use)
    end
    conf("snmp.conf", "defVersion 2c\ndefCommunity wrong\n")
    conf("snmp.local.conf", "defCommunity public\ndefaultPort AT\n")
    compare({ walk, get }, use)
    conf("snmp.conf", "defVersion 2c\ndefCommunity 'pub lic'\ndefaultPort AT\ntimeout 1\nretries 0\n")
    os.remove(dir .. "/conf/snmp.local.conf")
    compare({ get }, use)
    conf("snmp.conf", "includeFile more.conf\n")
    conf("more.conf", "defVersion 2c\nnosuch token\n")
    compare({ get }, use)
    os.execute("mkdir -p " .. dir .. "/conf/more.d " .. dir .. "/conf/hosts")
    conf("more.d/one.conf", "defCommunity public\ndefaultPort AT\n")
    conf("more.d/two.text", "defCommunity wrong\n")
    for _, text in ipairs { "includeDir " .. dir .. "/conf/more.d\ndefVersion 2c\n", "defVersion 2c\nincludeDir more.d\n", "includeDir\ndefVersion 2c\n" } do
      conf("snmp.conf", text)
      compare({ get }, use)
    end
    conf("hosts/box.conf", "transport udp:127.0.2.1:AT\ndefCommunity public\nquickPrinting yes\nnosuch token\n")
    for _, text in ipairs { "defVersion 2c\ndefCommunity wrong\n", "defVersion 2c\ndontLoadHostConfig yes\ndefCommunity wrong\n" } do
      conf("snmp.conf", text)
      compare({ "snmpget box 1.3.6.1.2.1.1.3.0", "snmpget -c public box 1.3.6.1.2.1.1.3.0", "snmpget -c wrong -t 0.1 -r 0 box 1.3.6.1.2.1.1.3.0",
                "snmpget -t 0.1 -r 0 udp:box 1.3.6.1.2.1.1.3.0" }, use)
    end
    os.execute("rm -r " .. dir .. "/conf/more.d " .. dir .. "/conf/hosts")
    os.execute("mkdir -p " .. dir .. "/home/.snmp && mv " .. dir .. "/conf/*.conf " .. dir .. "/home/.snmp/")
    compare({ get }, "unset SNMPCONFPATH; export SNMP_PERSISTENT_DIR=" .. dir .. "/home\n")
  end)

  it("walk recorded devices as Debian's do", function()
    local finish = {}
    for file in io.popen("ls tests/recordings/*.snmprec"):lines() do
      local device = sim.start { "--recording", file, "--virtual-clock", "--log", "error" }
      local words = {}
      for _, walk in ipairs { "snmpbulkwalk -v2c", "snmpwalk -v2c -Oqt", "snmpwalk -v1 -OxT", "snmpbulkwalk -v2c -Cr3 -Ovn" } do
        words[#words + 1] = walk .. " -c public " .. device:target "127.1.0.1" .. " ."
      end
      local got = compare(words)
      finish[#finish + 1] = #got[1].out
      device:stop()
    end
    assert.is_true(#finish >= 4 and math.min(unpack(finish)) > 1000)
  end)

  local function packets(text)
    local out = beside.packets(text)
    for _, p in ipairs(out) do
      assert.equal(p.n, #p.octets)
      p.message = ber.decode(p.octets)
      p.message.id = 0 -- everybody chooses their own, as with the port
      p.octets, p.n = nil, nil
    end
    return out
  end

  it("dump packets as Debian's do", function()
    local words = {}
    for i, line in ipairs { "snmpget -d -v2c -c public D1 1.3.6.1.4.1.99999.2.6", "snmpget -d -v1 -c public D1 1.3.6.1.2.1.1.3.0 1.3.6.1.2.1.1.9.0",
      "snmpbulkwalk -d -v2c -c public D1 1.3.6.1.2.1.1", "snmpwalk -d -v2c -c public D1 1.3.6.1.2.1.1", "snmpbulkget -d -v2c -c public D1 1.3",
      "snmpget -d -v2c -c public -s 127.0.0.1 D1 1.3.6.1.2.1.1.5.0", "snmpset -d -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 s x",
      "snmpset -d -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 4294967295 1.3.6.1.4.1.99999.20.112.0 D 0.1",
      "snmpget -d -Lo -v2c -c public D1 1.3.6.1.2.1.1.5.0", "snmpget -d -v2c -c public -t 0.1 -r 1 'udp6:[::1]:1' 1.3.6.1" } do
      words[i] = at(line)
    end
    local want, got = run(words, false), run(words, true)
    for i, line in ipairs(words) do
      for _, stream in ipairs { "out", "err" } do
        local w, g = want[i][stream], got[i][stream]
        assert.equal(w, beside.redraw(w), "the test itself, " .. line)
        assert.equal(g, beside.redraw(g), line)
        assert.same(packets(w), packets(g), line)
        assert.equal((w:gsub("\n%u%l+ %d+ byte.-\n\n", "")), (g:gsub("\n%u%l+ %d+ byte.-\n\n", "")), line)
      end
      assert.is_true(#packets(want[i].out .. want[i].err) > 0, line)
    end
  end)

  it("say the same as sub-commands of the program", function()
    local words, plain = {}, {}
    for i, line in ipairs { "snmpget -v2c -c public D1 1.3.6.1.2.1.1.5.0", "snmpwalk -v2c -c public D1 1.3.6.1.2.1.1", "snmpget -z",
      "snmpset -v2c -c public D1 1.3 z 1",
      "snmpbulkwalk -v2c -c public nosuchhost.invalid", "snmpbulkget -v1 -c public D1 1.3", "snmpgetnext -v2c -c public D1" } do
      plain[i] = at(line)
      words[i] = plain[i]:gsub("^snmp", t.quote(t.program:sub(1, 1) == "/" and t.program or os.getenv "PWD" .. "/" .. t.program) .. " ")
    end
    assert.same(run(plain, true), run(words, true))
  end)

  it("read what net-snmp's do not: integers without octets", function()
    local r = run({ at "snmpget -v2c -c public D8 1.3.6.1.4.1.99999.1.3 1.3.6.1.4.1.99999.5.2" }, true)[1]
    assert.equal("iso.3.6.1.4.1.99999.1.3 = INTEGER: 0\niso.3.6.1.4.1.99999.5.2 = Counter32: 0\n", r.out)
    assert.equal(0, r.status)
  end)

  it("do not take the answer of another community for one", function()
    local r = run({ at "snmpget -v2c -c public -t 0.1 -r 0 D12 1.3.6.1.2.1.1.5.0" }, true)[1]
    assert.equal(1, r.status)
    assert.truthy(r.err:find("^Timeout: No Response from 127.0.2.12"))
  end)

  it("explain themselves, with an example", function()
    for _, name in ipairs(names) do
      local status, out, err = t.run { t.program, name, "--help" }
      assert.equal(0, status)
      assert.equal("", err)
      assert.truthy(out:find("usage: moonpoll " .. name, 1, true))
      assert.truthy(out:find("\nexample: moonpoll " .. name, 1, true))
    end
    local status, out, err = t.run { t.program, "get", "-V" }
    assert.equal(0, status)
    assert.equal("", out)
    assert.truthy(err:find "^moonpoll version: %d")
  end)

  it("keep the community out of the process list", function()
    local before = agent:stats().wrong_community_in
    local p = t.start { t.program, "get", "-v2c", "-c", "sentinel-of-community", "-t", "3", "-r", "0", agent:target "127.0.2.2", "1.3.6.1" }
    t.wait_for("the request", 3, function() return agent:stats().wrong_community_in > before end)
    assert.falsy(t.read("/proc/" .. p.pid .. "/cmdline"):find("sentinel", 1, true))
    p:stop()
  end)

  it("end quietly when nobody reads on", function()
    local r = run({ at "{ snmpbulkwalk -v2c -c public D1 1.3.6; echo $? >/dev/null; } | head -n 1" }, true)[1]
    assert.equal("", r.err)
  end)

  it("walk in a fraction of the packets", function()
    local function asked() return agent:stats().devices["127.0.2.1"]["in"] end
    local start = asked()
    run({ at "snmpwalk -v2c -c public D1 1.3.6.1.2.1.2" }, true)
    local middle = asked()
    run({ at "snmpwalk -v2c -c public D1 1.3.6.1.2.1.2" }, false)
    assert.is_true(middle - start < (asked() - middle) / 5)
  end)
end)
