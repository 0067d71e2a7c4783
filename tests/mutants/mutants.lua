--- One-line bugs, each of which some test has to notice: the text `from` occurs once in `file` and becomes `to`. Those of a floor are
-- in the file of its name.
local all = {}
for _, floor in ipairs { "wire", "names", "agent", "session", "engine", "bind", "main", "lua" } do
  for _, bug in ipairs(require("bugs." .. floor)) do all[#all + 1] = bug end
end
return all
