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
      lines[#lines + 1] = ('  { host = "127.0.0.1:%d", name = "t%d", auth = "a"%s },'):format(ports[i], i, source and (", source = %q"):format(source) or "")
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
end)
