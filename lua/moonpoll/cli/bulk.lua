--- The -C options of bulkget and bulkwalk that take a number: n (non-repeaters) and r (max-repetitions).
local options = require "moonpoll.cli.options"
local tonumber = tonumber

-- As strtol reads it with base 0: the number, and what follows; nil for none.
local function number(text)
  local sign, rest = text:match "^%s*([+-]?)(.*)$"
  local digits, tail = rest:match "^(0[xX]%x+)(.*)$"
  local value = digits and tonumber(digits)
  if not digits then
    digits, tail = rest:match "^(0[0-7]*)(.*)$"
    value = digits and tonumber(digits, 8)
  end
  if not digits then
    digits, tail = rest:match "^(%d+)(.*)$"
    value = digits and tonumber(digits)
  end
  if not digits then return nil end
  if value > 2147483647 then value = 2147483647 end
  return sign == "-" and -value or value, tail
end

--- A function for options.read's take; numbers end up in into.n and into.r, other letters go to into[letter]().
return function(into, letters)
  return function(t, flags)
    while flags ~= "" do
      local letter = flags:sub(1, 1)
      flags = flags:sub(2)
      if letter == "n" or letter == "r" then
        local value, rest = number(flags)
        if not value then options.misuse(t) end
        into[letter], flags = value, rest
        if rest:find "^%s" then return end
      elseif letters[letter] then
        letters[letter]()
      else
        t.c.err("Unknown flag passed to -C: " .. letter .. "\n")
        options.exit(1)
      end
    end
  end
end
