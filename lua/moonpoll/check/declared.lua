--- What a probe says of itself: the table it returns, as far as that is written out.
local find, match, sort = string.find, string.match, table.sort
local ipairs, pairs = ipairs, pairs

-- The fields of a table that is written out, or of a local that is one: key -> node, key -> line, line.
local function fields_of(node)
  local var = node and node.t == "name" and node.var or nil
  if var then node = var.init end
  if not node or node.t ~= "table" then return nil end
  local fields, lines = {}, {}
  for _, item in ipairs(node.items) do
    if item.key and item.key.s then fields[item.key.s], lines[item.key.s] = item.value, item.line end
  end
  for k, v in pairs(var and var.fields or {}) do fields[k], lines[k] = v, v.line end
  return fields, lines, node.line
end

-- What the engine calls is handed a device, and run an out.
local function play(node, role)
  if node and node.t == "name" and node.var and not node.var.assigned then node = node.var.init end
  if node and node.t == "function" then node.role = role end
end

local function metric(name, line, fields, say)
  local kind, unit = fields.type and fields.type.s, fields.unit and fields.unit.s
  local stands = match(name, "_(seconds)$") or match(name, "_(bytes)$")
  if not find(name, "^[%a_:][%w_:]*$") then
    say(false, line, "metrics: '%s': letters, digits, _ and : are expected; other programs refuse such a name", name)
  end
  if not fields.type then
    say(false, line, "metrics.%s: type is missing: counter, gauge, info, state or event", name)
  elseif kind == "counter" and unit and (find(unit, "/s$") or find(unit, "/min$") or find(unit, " per ", 1, true)) then
    say(false, line, "metrics.%s: a counter counts %s, not %s: what is per time is a gauge", name, match(unit, "^[^/ ]*"), unit)
  elseif unit and (kind == "info" or kind == "state" or kind == "event") then
    say(false, line, "metrics.%s: %s has no unit: its value is a text or a mark", name, (kind == "state" and "a " or "an ") .. kind)
  end
  if stands and unit and unit ~= stands then say(false, line, "metrics.%s: named by %s, but its unit is %s", name, stands, unit) end
end

--- Reads it, and marks the functions in it by what they are handed.
-- @tparam table chunk  of syntax.parse
-- @tparam table c  metrics: filled, name -> type, "" when it is not told; declared: set when there are any
-- @tparam function say(severe, line, format, ...)
-- @treturn ?table lines of the metrics by name; nil: none, or not written out
return function(chunk, c, say)
  local last = chunk.body[#chunk.body]
  local probe, _, line = fields_of(last and last.t == "return" and last.exprs[1] or nil)
  if not probe then return nil end
  play(probe.run, "run")
  play(probe.match, "match")
  if probe.run and not probe.every then
    say(false, line, "every is missing: it runs every 60 s unless it is told otherwise; every = 60 says so")
  end
  local jobs, job_lines = fields_of(probe.jobs)
  for name, node in pairs(jobs or {}) do
    local job = fields_of(node)
    play(job and job.run, "run")
    if job and not job.every and not probe.every then
      say(false, job_lines[name], "jobs.%s: every is missing: it runs every 60 s unless it is told otherwise", name)
    end
  end
  local metrics, lines = fields_of(probe.metrics)
  if not metrics then return nil end
  c.declared = true
  local names = {}
  for name in pairs(metrics) do names[#names + 1] = name end
  sort(names)
  for _, name in ipairs(names) do
    local fields = fields_of(metrics[name])
    c.metrics[name] = fields and fields.type and fields.type.s or ""
    if fields then metric(name, lines[name], fields, say) end
  end
  return lines
end
