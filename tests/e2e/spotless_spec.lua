-- moonpoll check finds no error in what we hand out: the scripts and the examples of the README.
local t = require "e2e.helper"

describe("moonpoll check", function()
  teardown(t.cleanup)

  local function spotless(file)
    local status, out, err = t.run({ t.program, "check", file }, { seconds = 60 })
    assert.equal("", err)
    assert.equal(0, status, out)
    assert.is_nil(out:find(": error: ", 1, true), out)
    return out
  end

  for file in io.popen("ls scripts/*.lua"):lines() do
    it("has nothing against " .. file, function() spotless(file) end)
  end

  it("has nothing against the examples", function()
    local n = 0
    for text in t.read "README.md":gmatch "\n```lua\n(.-)\n```" do
      if text:find "\nreturn {" and text:find "run = function" then
        spotless(t.write("example.lua", text))
        n = n + 1
      end
    end
    assert.is_true(n >= 8)
  end)

  it("and with what they are tested against, they fail nowhere", function()
    local recording = { interfaces = "switch", pick_and_poll = "switch", system = "small", host_resources = "server" }
    for script, name in pairs(recording) do
      local status, out = t.run({ t.program, "check", "scripts/" .. script .. ".lua", "--recording", "tests/recordings/" .. name .. ".snmprec" },
        { seconds = 60 })
      assert.equal(0, status, out)
    end
  end)
end)
