--- Applies each bug of mutants.lua, that is of bugs/, by itself to a copy of the tree, builds what its tests need, and runs them: one has to
-- fail. A bug that no test sees, that does not apply or does not compile fails the whole.
--   luajit tests/mutants/run.lua DIR [WORD]      only those with WORD in their name
--   luajit tests/mutants/run.lua --check         only tells those that no longer fit the tree
local dir, word = arg[1], arg[2] or ""
package.path = "tests/mutants/?.lua;" .. package.path
local mutants = require "mutants"

local function sh(command, ...)
  local status = os.execute(command:format(...))
  return status == 0
end

local function read(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read "*a"
  f:close()
  return s
end

local function write(path, s)
  local f = assert(io.open(path, "wb"))
  f:write(s)
  f:close()
end

-- Where its text stands in the file, or what is wrong with it.
local function place(m, text)
  local from, to = text:find(m.from, 1, true)
  if not from then return nil, "does not apply" end
  if text:find(m.from, to + 1, true) then return nil, "applies in more than one place" end
  return from, to
end

-- Tests that are not there cannot notice anything.
local function missing(m)
  if #m.tests == 0 then return "has no test" end
  for _, t in ipairs(m.tests) do
    local f = io.open("tests/" .. t .. (t:match "^unit/" and ".c" or t:match "/" and ".lua" or ".sh"))
    if not f then return "has no test " .. t end
    f:close()
  end
end

if dir == "--check" then
  local seen, good = {}, true
  for _, m in ipairs(mutants) do
    local _, wrong = place(m, read(m.file))
    wrong = wrong or missing(m) or seen[m.name] and "has the name of another" or m.from == m.to and "changes nothing"
    if type(wrong) == "string" then
      print(("%s: %s (%s)"):format(m.name, wrong, m.file))
      good = false
    end
    seen[m.name] = true
  end
  os.exit(good and 0 or 1)
end

local tree = dir .. "/tree"
local log = dir .. "/log"

-- What is the same keeps its time, which is that of its last restoring: what was built of a bug is built again.
assert(sh("mkdir -p %s %s && rm -rf %s/tests %s/bench && cp -a tests bench scripts %s/", tree, log, tree, tree, tree))
assert(sh("find Makefile core lua -type f | while read -r f; do cmp -s $f %s/$f || { mkdir -p $(dirname %s/$f) && cp $f %s/$f; } || exit 1; done",
  tree, tree, tree))
local absolute = io.popen("cd " .. dir .. " && pwd"):read "*l"
local make = ("make --no-print-directory -C %s SAN=1 O=%s/build"):format(tree, absolute)

-- What a test needs built: its own binary, or everything.
local function targets(tests)
  local out = {}
  for _, t in ipairs(tests) do
    out[#out + 1] = t:match "^unit/" and ("%s/build/san/%s"):format(absolute, t) or "all"
  end
  return table.concat(out, " ")
end

local function run(name, tests)
  for _, t in ipairs(tests) do
    local stage, only = t:match "^(%w+)/(.+)$"
    stage, only = stage or t, only and t or "" -- by its whole name: out_test is not rollout_test
    if not sh("cd %s && B=%s/build/san ONLY=%s timeout 120 sh tests/run.sh %s >>%s/log/%s 2>&1", tree, absolute, only, stage, absolute, name) then
      return t
    end
  end
end

-- Without any bug everything passes, or a killed mutant means nothing.
local all = {}
for _, m in ipairs(mutants) do
  if m.name:find(word, 1, true) then for _, t in ipairs(m.tests) do all[t] = true end end
end
local names = {}
for t in pairs(all) do names[#names + 1] = t end
assert(sh("%s %s >%s/build 2>&1", make, targets(names), log), "the tree does not build; see " .. log .. "/build")
os.remove(log .. "/unchanged")
local broken = run("unchanged", names)
if broken then
  print("mutants: " .. broken .. " fails without any bug; see " .. log .. "/unchanged")
  os.exit(1)
end

local killed, bad = 0, 0
for _, m in ipairs(mutants) do
  if m.name:find(word, 1, true) then
    local name = m.name:gsub("[^%w]+", "-")
    local path = tree .. "/" .. m.file
    local original = read(path)
    local verdict, by
    os.remove(log .. "/" .. name)
    local from, to = place(m, original)
    verdict = missing(m) or not from and to
    if not verdict then
      write(path, original:sub(1, from - 1) .. m.to .. original:sub(to + 1))
      if not sh("%s %s >%s/%s 2>&1", make, targets(m.tests), log, name) then
        verdict = "does not compile"
      else
        by = run(name, m.tests)
        verdict = by and "killed" or "SURVIVED"
      end
      write(path, original)
    end
    if verdict == "killed" then killed = killed + 1 else bad = bad + 1 end
    print(("  %-9s %-44s %s"):format(verdict, m.name, by and "by " .. by or m.file))
    io.stdout:flush()
  end
end
print(("%d killed, %d not"):format(killed, bad))
os.exit(bad == 0 and killed > 0 and 0 or 1)
