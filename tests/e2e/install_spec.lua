-- What `make install` leaves: whole by itself, found by pkg-config, good for a C program, a static one, and LuaJIT.
local t = require "e2e.helper"

local function sh(command, env)
  local all = {}
  for k, v in pairs(env or {}) do all[#all + 1] = ("export %s=%s; "):format(k, t.quote(v)) end
  return t.run({}, { shell = table.concat(all) .. command, seconds = 60 })
end

describe("what is installed", function()
  local build = assert(os.getenv "B")
  local cc = os.getenv "CC" or "gcc"
  local root, env
  lazy_setup(function()
    root = t.path "root"
    local version = assert(t.read "core/moonpoll.h":match 'MOON_VERSION "([%d.]+)"')
    local code, out, err = sh("exec sh tests/install.sh", {
      B = build, DESTDIR = root, PREFIX = "/usr/local", LIBDIR = "/usr/local/lib", VERSION = version, ABI = version:match "^%d+" })
    assert.equal(0, code, out .. err)
    env = { PKG_CONFIG_LIBDIR = root .. "/usr/local/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR = root, PKG_CONFIG_PATH = "",
      LD_LIBRARY_PATH = root .. "/usr/local/lib" }
  end)
  lazy_teardown(function() t.cleanup() end)

  -- The sanitized libraries want a sanitized program.
  local flags = build:find "san" and "-fsanitize=address,undefined " or ""
  local function compile(source, package, static)
    local program = t.path "program"
    local code, out, err = sh(("exec %s -Wall -Wextra -Werror %s -o %s %s $(pkg-config %s --cflags --libs %s)"):format(cc, flags, program, source,
      static and "--static" or "", package), env)
    assert.equal(0, code, out .. err)
    return program
  end

  it("serves a C program without a loop: the README's", function()
    local source = t.path "encode.c"
    local f = assert(io.open(source, "w"))
    f:write((assert(t.read "README.md":match "\n```c\n(.-\n)```")))
    f:close()
    local code, out = sh("exec " .. compile(source, "moonpoll"), env)
    assert.equal(0, code)
    assert.equal("43 octets to send\n4711: 1.3.6.1.2.1.1.3.0 has type 0x05\n", out)
  end)

  it("serves a C program with the engine's loop", function()
    local agent = t.agent()
    local program = compile("tests/e2e/embed/engine.c", "moonpoll-engine")
    local code, out, err = sh("exec " .. program .. " " .. agent:target "127.0.3.1", env)
    assert.equal(0, code, err)
    assert.truthy(out:match "^up %d+%.%d%d s\n$", out)
    local _, refused = sh("exec " .. program .. " 127.0.3.1:" .. t.free_port(), env)
    assert.truthy(refused:find("refused: ", 1, true), refused)
    agent:stop()
  end)

  it("has the program, whole without what lies beside it", function()
    local code, out = sh("cd / && exec " .. root .. "/usr/local/bin/moonpoll --version")
    assert.equal(0, code)
    assert.truthy(out:match "^moonpoll %d", out)
    for _, file in ipairs { "share/man/man1/moonpoll.1", "share/man/man3/moonpoll-lua.3",
      "share/bash-completion/completions/moonpoll", "share/zsh/site-functions/_moonpoll",
      "share/moonpoll/scripts/interfaces.lua", "include/moonpoll/moonpoll.h" } do
      assert.truthy(#t.read(root .. "/usr/local/" .. file) > 0, file)
    end
  end)

  it("is a module for LuaJIT", function()
    local preload = ""
    if flags ~= "" then
      preload = select(2, sh(("%s -print-file-name=%s"):format(cc, cc:find "clang" and "libclang_rt.asan-x86_64.so" or "libasan.so")))
    end
    local code, out, err = sh([[exec luajit -e 'print(require "moonpoll".mac("\0\1\2\3\4\5"))']], {
      LD_PRELOAD = preload:gsub("%s+$", ""), ASAN_OPTIONS = "detect_leaks=0",
      LUA_PATH = root .. "/usr/local/share/lua/5.1/?.lua;" .. root .. "/usr/local/share/lua/5.1/?/init.lua",
      LUA_CPATH = root .. "/usr/local/lib/lua/5.1/?.so" })
    assert.equal(0, code, err)
    assert.equal("00:01:02:03:04:05\n", out)
  end)
end)
