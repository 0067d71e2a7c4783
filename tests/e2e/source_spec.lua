-- Which address of this host asks.
local net = require "agent.net"
local t = require "e2e.helper"

describe("source of a target", function()
  local fds, ports = {}, {}
  lazy_setup(function()
    for i = 1, 3 do fds[i], ports[i] = net.udp("127.0.0.1", 0) end
  end)
  lazy_teardown(function()
    for _, fd in ipairs(fds) do t.close(fd) end
    t.cleanup()
  end)

  -- Configuration whose targets are the sockets above, silent agents; sources: by target.
  local function config(sources)
    local lines = { 'return { auth = { a = { community = "public" } }, targets = {' }
    for i, source in ipairs(sources) do
      local own = source and (source:find "=" and ", " .. source or (", source = %q"):format(source)) or ""
      lines[#lines + 1] = ('  { host = "127.0.0.1:%d", name = "t%d", auth = "a"%s },'):format(ports[i], i, own)
    end
    lines[#lines + 1] = "}, request = { timeout = 0.2, retries = 0 } }"
    return t.write("source.lua", table.concat(lines, "\n"))
  end

  it("is where its requests come from, whatever the others have", function()
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--config", config { "127.0.0.77", "127.0.0.78", false }, "--once" }
    assert.equal(3, r.status, r.stderr)
    for i, expected in ipairs { "127.0.0.77", "127.0.0.78", "127.0.0.1" } do
      local data, from = net.receive(fds[i])
      assert.truthy(data)
      assert.equal(expected, net.text(from.addr))
    end
  end)

  it("is told when it is no address of this host, and nothing is started", function()
    local code, out, err = t.run { t.program, "run", "tests/e2e/probes/ticks.lua", "--config", config { false, "192.0.2.99", false }, "--once" }
    assert.equal(2, code)
    assert.equal("", out)
    assert.truthy(err:find('^moonpoll: .*source.lua:3: targets%[2%].source: "192.0.2.99": Cannot assign requested address\n$'), err)
    for i = 1, 3 do assert.is_nil((net.receive(fds[i]))) end
  end)

  local function interfaces()
    local found = {}
    for name in t.read "/proc/net/dev":gmatch "\n%s*([^%s:]+):" do
      if name ~= "lo" then found[#found + 1] = name end
    end
    return found
  end

  it("is an interface too: by another one this host does not reach itself", function()
    local other = interfaces()[1]
    if not other then return pending "this host has no interface but lo" end
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--config", config { 'interface = "lo"', ("interface = %q"):format(other), false }, "--once" }
    assert.equal(3, r.status, r.stderr)
    assert.truthy((net.receive(fds[1])))
    assert.is_nil((net.receive(fds[2])))
    assert.truthy((net.receive(fds[3])))
  end)

  it("goes with an address", function()
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--config", config { 'source = "127.0.0.79", interface = "lo"' }, "--once" }
    assert.equal(3, r.status, r.stderr)
    local data, from = net.receive(fds[1])
    assert.truthy(data)
    assert.equal("127.0.0.79", net.text(from.addr))
  end)

  it("is told when there is no such interface", function()
    local code, _, err = t.run { t.program, "run", "tests/e2e/probes/ticks.lua", "--config", config { 'interface = "nowhere0"' }, "--once" }
    assert.equal(2, code)
    assert.truthy(err:find('targets%[1%].interface: "nowhere0": No such device\n$'), err)
  end)
end)
