-- Version 3 by the tools, against Debian's snmpd: every user it can have, every mistake, said as Debian's tools say it.
local t = require "e2e.helper"
local beside = require "e2e.beside"
local cases = require "e2e.cli_v3_cases"
local v3 = require "e2e.snmpd_v3"

describe("the tools in version 3", function()
  local snmpd, port, both

  lazy_setup(function()
    snmpd = v3.start()
    port = snmpd.port
    both = beside.setup()
  end)
  lazy_teardown(function()
    snmpd.process:stop(5)
    t.cleanup()
  end)

  local function at(line)
    return (line:gsub("%f[%w]AGENT%f[%W]", "127.0.0.1:" .. port):gsub("%f[%w]NAME%f[%W]", "1.3.6.1.2.1.1.5.0"):gsub("%f[%w]ENGINE%f[%W]", v3.ENGINE))
  end
  local function all_at(lines)
    local out = {}
    for i, line in ipairs(lines) do out[i] = at(line) end
    return out
  end
  local function options_of(u, priv)
    local line = ("-v3 -t 1 -r 2 -u %s -l %s -a %s -A %s"):format(u.name, u.priv and "authPriv" or "authNoPriv", u.auth, u.auth_pass)
    return u.priv and ("%s -x %s -X %s"):format(line, priv or u.priv, u.priv_pass) or line
  end

  it("read, walk and set as every user there can be", function()
    local lines = {}
    for i, u in ipairs(v3.users()) do
      local who = options_of(u)
      lines[#lines + 1] = at(("snmpset %s AGENT NAME s name-%d"):format(who, i))
      lines[#lines + 1] = at(("snmpget %s -Oqv AGENT NAME"):format(who))
      lines[#lines + 1] = at(("%s %s -Oqv AGENT 1.3.6.1.2.1.1.9.1.3"):format(i % 2 == 0 and "snmpwalk" or "snmpbulkwalk", who))
    end
    local got = both:run(lines, true)
    local walked = both:run({ lines[3] }, false)[1].out
    assert.is_true(#walked > 100)
    for i = 1, #lines, 3 do
      local name = ("name-%d"):format((i + 2) / 3)
      assert.same({ 'iso.3.6.1.2.1.1.5.0 = STRING: "' .. name .. '"\n', "", 0 }, { got[i].out, got[i].err, got[i].status }, lines[i])
      assert.same({ '"' .. name .. '"\n', "", 0 }, { got[i + 1].out, got[i + 1].err, got[i + 1].status }, lines[i + 1])
      assert.same({ walked, "", 0 }, { got[i + 2].out, got[i + 2].err, got[i + 2].status }, lines[i + 2])
    end
  end)

  it("find out which AES-192 and AES-256 it is, unless it is named", function()
    local lines = {}
    for _, u in ipairs(v3.users()) do
      if u.priv and u.priv:find "C$" then
        local plain = u.priv:sub(1, -3)
        lines[#lines + 1] = at(("snmpget %s -Oqv AGENT 1.3.6.1.2.1.1.6.0"):format(options_of(u, plain)))
        lines[#lines + 1] = at(("snmpget %s -Oqv AGENT 1.3.6.1.2.1.1.6.0"):format(options_of(u, plain .. "-Reeder")))
        lines[#lines + 1] = at(("snmpget %s -t 0.2 -r 0 -Oqv AGENT 1.3.6.1.2.1.1.6.0"):format(options_of(u, plain .. "-Blumenthal")))
      end
    end
    local got = both:run(lines, true)
    for i, line in ipairs(lines) do
      assert.equal(i % 3 == 0 and "" or '"lab"\n', got[i].out, line .. got[i].err)
      assert.equal(i % 3 == 0 and at "Timeout: No Response from AGENT.\n" or "", got[i].err, line)
    end
  end)

  it("take keys instead of passwords", function()
    local lines = all_at(cases.with_keys)
    local _, got = both:compare(lines)
    for i, line in ipairs(lines) do assert.equal(0, got[i].status, line) end
  end)

  for i, portion in ipairs(cases.lines) do
    it(("say what Debian's say, %d: %s ..."):format(i, portion[1]:sub(1, 50)), function() both:compare(all_at(portion)) end)
  end

  for i, case in ipairs(cases.confs) do
    it(("read snmp.conf as Debian's do, %d"):format(i), function()
      both:conf("snmp.conf", case.conf)
      both:compare(all_at(case), both.use_conf)
    end)
  end

  it("dump packets as Debian's do", function()
    local lines = all_at { "snmpget -d -v3 -u noauth AGENT NAME", "snmpget -d -Lo -v3 -u noauth -e ENGINE AGENT NAME",
      "snmpget -d -v3 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES -X privpass-AES AGENT NAME" }
    local want, got = both:run(lines, false), both:run(lines, true)
    local function kinds(text)
      local out = {}
      for i, p in ipairs(beside.packets(text)) do
        assert.equal(p.n, #p.octets)
        out[i] = { p.what, p.who }
      end
      return out
    end
    for i, line in ipairs(lines) do
      assert.equal(want[i].status, got[i].status, line)
      for _, stream in ipairs { "out", "err" } do
        local w, g = want[i][stream], got[i][stream]
        assert.equal(g, beside.redraw(g), line)
        local wanted = kinds(w)
        -- Debian's believe the time of an unsigned report; we ask once more for a signed one.
        if i == 3 and #wanted > 0 then wanted[5], wanted[6] = wanted[3], wanted[4] end
        assert.same(wanted, kinds(g), line)
        assert.equal((w:gsub("\n%u%l+ %d+ byte.-\n\n", "")), (g:gsub("\n%u%l+ %d+ byte.-\n\n", "")), line)
      end
      assert.is_true(#kinds(got[i].out .. got[i].err) > 0, line)
    end
  end)

  it("tell more than Debian's where those are silent", function()
    local lines = all_at { "snmpget -v3 -t 1 -r 0 -u noauth -e 8000000001020304 AGENT NAME", "snmpget -v3 -u x1234567890123456789012345678901234 AGENT NAME" }
    local got = both:run(lines, true)
    assert.equal("snmpget: Unknown engine ID\n", got[1].err)
    assert.equal("snmpget: The securityName is longer than 32 octets\n", got[2].err)
    for _, g in ipairs(got) do assert.equal(1, g.status) end
  end)
end)
