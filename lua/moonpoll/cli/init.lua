--- The commands people know from net-snmp: get, getnext, bulkget, walk, bulkwalk, set. Options, output, error texts and exit codes
-- are those of its tools 5.9; usage and --help are our own.
--
-- Called as main(c, command) with the functions of core/bind/tool; returns the exit status.
local help = require "moonpoll.cli.help"
local pcall, require, type = pcall, require, type

local commands = {
  get = function(t) return require "moonpoll.cli.get"(t, false) end,
  getnext = function(t) return require "moonpoll.cli.get"(t, true) end,
  bulkget = function(t) return require "moonpoll.cli.bulkget"(t) end,
  walk = function(t) return require "moonpoll.cli.walk"(t, false) end,
  bulkwalk = function(t) return require "moonpoll.cli.walk"(t, true) end,
  set = function(t) return require "moonpoll.cli.set"(t) end,
}

return function(c, command)
  local t = { c = c, tool = "snmp" .. command, usage = help.usage(command), help = help.text(command), version = help.version(c.version) }
  local ok, status = pcall(commands[command], t)
  if ok then return status end
  if type(status) == "table" and status.exit then return status.exit end
  error(status, 0)
end
