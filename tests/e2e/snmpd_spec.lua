-- Debian's snmpd: a real agent, against what Debian's own manager reads from it.
local t = require "e2e.helper"

describe("Debian's snmpd", function()
  local d
  lazy_setup(function() d = t.snmpd() end)
  lazy_teardown(function()
    d.process:stop(5)
    t.cleanup()
  end)

  -- OID -> value as net-snmp prints it, of what does not change between two readings.
  local function others(version, target, root)
    local code, out = t.run({ "sh", "-c", ("snmpwalk -v%s -c public -OnQUe %s .%s"):format(version, target, root) }, { env = { MIBS = "" } })
    assert.equal(0, code)
    local values, n = {}, 0
    for oid, value in out:gmatch "%.([%d.]+) = ([^\n]*)" do
      values[oid], n = value, n + 1
    end
    assert.truthy(n > 5, out)
    return values
  end
  local changing = { ["1.3.6.1.2.1.1.3"] = true }
  for column = 10, 21 do changing["1.3.6.1.2.1.2.2.1." .. column] = true end

  for _, version in ipairs { "1", "2c" } do
    for _, which in ipairs { "target", "target6" } do
      it(("is read as by others, v%s over %s"):format(version, which == "target" and "IPv4" or "IPv6"), function()
        local r = t.poll { "tests/e2e/probes/compare.lua", "--targets", d[which], "-v", version, "-c", "public", "--once" }
        assert.equal(0, r.status, r.stderr)
        local _, samples = next(r.samples)
        local n = 0
        for _, root in ipairs { "1.3.6.1.2.1.1", "1.3.6.1.2.1.2" } do
          for oid, value in pairs(others(version, d[which], root)) do
            local mine = samples["value/" .. oid]
            assert.truthy(mine ~= nil, "not there: " .. oid)
            n = n + 1
            if not changing[oid:match "^(.*)%.%d+$"] then
              if type(mine) == "number" and tonumber(value) then
                assert.equal(tonumber(value), mine, oid)
              elseif value:sub(1, 1) == "." then
                assert.equal(value:sub(2), mine, oid)
              elseif value:match '^"%g*"$' then
                assert.equal(value:sub(2, -2), mine, oid)
              end
            end
          end
        end
        local mine = 0
        for k in pairs(samples) do if k:find "^value/" then mine = mine + 1 end end
        assert.equal(n, mine)
        assert.equal(0, r.stats.counters.retries)
      end)
    end
  end

  it("is silent about another community", function()
    local r = t.poll { "tests/e2e/probes/compare.lua", "--targets", d.target, "-v", "2c", "-c", "not-this", "--once", "-t", "0.2", "-r", "1" }
    assert.equal(3, r.status)
    local _, samples = next(r.samples)
    assert.equal("timeout", samples.run_error)
    assert.equal(2, r.stats.counters.requests) -- the walk asks once more, for as little as can be
    assert.equal(2, r.stats.counters.datagrams_out) -- no more in all than a GET
  end)
end)
