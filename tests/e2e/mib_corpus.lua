-- Modules as vendors write them, by the thousand: clean ones of every construct, and broken ones. The same number gives the same text.
local _M = {}

local prose = ("What the device keeps of this, since it was started or since the counter was cleared by whoever runs it. "):rep(3)

local function fill(text, values) return (text:gsub("%$(%l+)", values)) end

-- What all modules of version 2 begin with. $p is the prefix of names, $c the same with a capital.
local head = [[
$name DEFINITIONS ::= BEGIN
IMPORTS
  MODULE-IDENTITY, OBJECT-TYPE, NOTIFICATION-TYPE, OBJECT-IDENTITY, enterprises,
  Integer32, Unsigned32, Counter32, Counter64, Gauge32, TimeTicks, IpAddress FROM SNMPv2-SMI
  MODULE-COMPLIANCE, OBJECT-GROUP, NOTIFICATION-GROUP FROM SNMPv2-CONF
  TEXTUAL-CONVENTION, DisplayString, TruthValue, RowStatus, MacAddress, DateAndTime FROM SNMPv2-TC
  InetAddressType, InetAddress FROM INET-ADDRESS-MIB
  ifIndex, InterfaceIndexOrZero FROM IF-MIB$imports;

$pMIB MODULE-IDENTITY
  LAST-UPDATED "202611010000Z" ORGANIZATION "Example" CONTACT-INFO "noc@example.net" DESCRIPTION "$prose"
  REVISION "202611010000Z" DESCRIPTION "First."
  ::= { $root }
$pObjects OBJECT IDENTIFIER ::= { $pMIB 1 }
$pNotifications OBJECT IDENTIFIER ::= { $pMIB 0 }
$pConformance OBJECT IDENTIFIER ::= { $pMIB 3 }
$pDomain OBJECT-IDENTITY STATUS current DESCRIPTION "x" ::= { $pMIB 4 }

$cState ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION "$prose" SYNTAX INTEGER { up(1), down(2), $pOwn(7), unknown(-1) }
$cFlags ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION "x" SYNTAX BITS { alarm(0), test(1), remote(5), $pBit(17) }
$cRatio ::= TEXTUAL-CONVENTION DISPLAY-HINT "d-2" STATUS current DESCRIPTION "x" SYNTAX Integer32 (0..10000)
$cLabel ::= TEXTUAL-CONVENTION DISPLAY-HINT "255t" STATUS deprecated DESCRIPTION "x" SYNTAX OCTET STRING (SIZE (0 | 4..64))
$types
]]

local tail = [[
$pAlarm NOTIFICATION-TYPE OBJECTS { $pOneState, $pOneRatio } STATUS current DESCRIPTION "$prose" ::= { $pNotifications 1 }
$pGroup OBJECT-GROUP OBJECTS { $pOneState, $pOneRatio } STATUS current DESCRIPTION "x" ::= { $pConformance 1 }
$pAlarms NOTIFICATION-GROUP NOTIFICATIONS { $pAlarm } STATUS current DESCRIPTION "x" ::= { $pConformance 2 }
$pCompliance MODULE-COMPLIANCE STATUS current DESCRIPTION "x" MODULE MANDATORY-GROUPS { $pGroup } ::= { $pConformance 3 }
END
]]

local syntaxes = {
  "Integer32 (-5..5 | 10..20)", "Unsigned32 (1..4094)", "Counter32", "Counter64", "Gauge32", "TimeTicks", "IpAddress", "DisplayString (SIZE (0..32))",
  "$cState", "$cFlags", "$cRatio", "$cLabel", "INTEGER { on(1), off(2), fault(3) }", "BITS { a(0), b(1) }", "OCTET STRING (SIZE (8))", "TruthValue",
  "DateAndTime", "InterfaceIndexOrZero", "OBJECT IDENTIFIER", "InetAddressType", "MacAddress", "$cRatio (0..100)", "OCTET STRING", "Integer32",
}

local function table_of(v, noun, number, index, columns, more)
  local entry = { ("%sEntry ::= SEQUENCE {"):format(v.c .. noun) }
  local text = {
    fill(("$p%sTable OBJECT-TYPE SYNTAX SEQUENCE OF $c%sEntry MAX-ACCESS not-accessible STATUS current DESCRIPTION \"$prose\" ::= { $pObjects %d }\n")
      :format(noun, noun, number), v),
    fill(("$p%sEntry OBJECT-TYPE SYNTAX $c%sEntry MAX-ACCESS not-accessible STATUS current DESCRIPTION \"$prose\" %s ::= { $p%sTable 1 }\n")
      :format(noun, noun, index, noun), v),
  }
  for i, column in ipairs(columns) do
    local syntax = column[2]
    local bare = syntax:gsub(" %b()", ""):gsub(" %b{}", "")
    entry[#entry + 1] = ("  %s%s%s %s%s"):format(v.p, noun, column[1], fill(bare, v), i < #columns and "," or " }")
    text[#text + 1] = fill(("$p%s%s OBJECT-TYPE SYNTAX %s%s MAX-ACCESS %s STATUS %s DESCRIPTION \"$prose\" ::= { $p%sEntry %d }\n")
      :format(noun, column[1], syntax, column.units and (' UNITS "%s"'):format(column.units) or "", column.access or "read-only",
        i % 13 == 0 and "deprecated" or "current", noun, i), v)
  end
  table.insert(text, 3, table.concat(entry, "\n") .. "\n")
  return table.concat(text) .. (more or "")
end

--- A clean module of version 2. opts.tables, opts.columns: how large; opts.imports, types, root, index: other text there.
function _M.clean(i, opts)
  opts = opts or {}
  local v = { name = ("CORPUS-M%d-MIB"):format(i), p = ("m%dx"):format(i), c = ("M%dx"):format(i), prose = prose }
  v.imports, v.root = opts.imports or "", opts.root or ("enterprises 99999 %d"):format(i)
  v.types = fill(opts.types or "", v)
  local out = { fill(head, v) }
  for s, syntax in ipairs(syntaxes) do
    out[#out + 1] = fill(("$pScalar%d OBJECT-TYPE SYNTAX %s MAX-ACCESS %s STATUS current DESCRIPTION \"$prose\" ::= { $pObjects %d }\n")
      :format(s, syntax, s % 3 == 0 and "read-write" or "read-only", 100 + s), v)
  end
  out[#out + 1] = table_of(v, "One", 1, opts.index or "INDEX { ifIndex, IMPLIED $pOneName }", {
    { "Name", "DisplayString (SIZE (1..20))", access = "not-accessible" }, { "State", "$cState" }, { "Ratio", "$cRatio", units = "percent" },
    { "Row", "RowStatus", access = "read-create" } })
  out[#out + 1] = table_of(v, "Two", 2, "AUGMENTS { $pOneEntry }", { { "Count", "Counter64" }, { "Flags", "$cFlags" } })
  out[#out + 1] = table_of(v, "Peer", 3, "INDEX { $pPeerType, $pPeerAddress, $pPeerPort }", {
    { "Type", "InetAddressType", access = "not-accessible" }, { "Address", "InetAddress (SIZE (4 | 16))", access = "not-accessible" },
    { "Port", "Unsigned32 (0..65535)", access = "not-accessible" }, { "Label", "$cLabel" } })
  for t = 4, 3 + (opts.tables or 1) do
    local columns = { { "Id", "Unsigned32 (1..1000)", access = "not-accessible" }, { "Mac", "MacAddress", access = "not-accessible" } }
    for c = 1, opts.columns or 10 do columns[#columns + 1] = { "C" .. c, syntaxes[(c + t + i) % #syntaxes + 1] } end
    out[#out + 1] = table_of(v, "Wide" .. t, t, ("INDEX { $pWide%dId, $pWide%dMac }"):format(t, t), columns)
  end
  out[#out + 1] = fill(opts.more or "", v)
  out[#out + 1] = fill(tail, v)
  return table.concat(out), v
end

--- A module of version 1.
function _M.old(i)
  local v = { name = ("CORPUS-M%d-MIB"):format(i), p = ("m%dx"):format(i), c = ("M%dx"):format(i), prose = prose }
  local out = { fill([[
$name DEFINITIONS ::= BEGIN
IMPORTS
  enterprises, Counter, Gauge, TimeTicks, IpAddress FROM RFC1155-SMI
  OBJECT-TYPE FROM RFC-1212
  TRAP-TYPE FROM RFC-1215
  DisplayString, ifIndex FROM RFC1213-MIB;
$pRoot OBJECT IDENTIFIER ::= { enterprises 99999 ]] .. i .. [[ }
$pObjects OBJECT IDENTIFIER ::= { $pRoot 1 }
$cMode ::= INTEGER { auto(1), manual(2) }
$cTable ::= SEQUENCE OF $cEntry
$pTable OBJECT-TYPE SYNTAX SEQUENCE OF $cEntry ACCESS not-accessible STATUS mandatory DESCRIPTION "$prose" ::= { $pObjects 1 }
$pEntry OBJECT-TYPE SYNTAX $cEntry ACCESS not-accessible STATUS mandatory DESCRIPTION "x" INDEX { ifIndex, $pNet } ::= { $pTable 1 }
$cEntry ::= SEQUENCE { $pNet IpAddress, $pOctets Counter, $pMode $cMode }
$pNet OBJECT-TYPE SYNTAX IpAddress ACCESS read-only STATUS mandatory DESCRIPTION "$prose" ::= { $pEntry 1 }
$pOctets OBJECT-TYPE SYNTAX Counter ACCESS read-only STATUS mandatory DESCRIPTION "$prose" ::= { $pEntry 2 }
$pMode OBJECT-TYPE SYNTAX $cMode ACCESS read-write STATUS optional DESCRIPTION "$prose" ::= { $pEntry 3 }
]], v) }
  for n, syntax in ipairs { "INTEGER (0..100)", "Gauge", "TimeTicks", "DisplayString (SIZE (0..40))", "OBJECT IDENTIFIER", "INTEGER { yes(1), no(2) }" } do
    out[#out + 1] = fill(("$pPart%d OBJECT-TYPE SYNTAX %s ACCESS read-only STATUS mandatory DESCRIPTION \"$prose\" ::= { $pObjects %d }\n")
      :format(n, syntax, n + 1), v)
  end
  out[#out + 1] = fill('$pTrap TRAP-TYPE ENTERPRISE $pRoot VARIABLES { $pMode } DESCRIPTION "x" ::= 5\nEND\n', v)
  return table.concat(out), v
end

local function labels(n)
  local list = {}
  for k = 1, n do list[k] = ("label%d(%d)"):format(k, 3 * k) end
  return table.concat(list, ", ")
end

-- Conventions that refine one another, as far as SMIv2 goes with libsmi: each narrower than the one before.
local function deep(n)
  local list = { "$cDeepO ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION \"x\" SYNTAX Integer32 (0..100000)" }
  local names = { "O" }
  for k = 1, n do
    names[k + 1] = string.char(64 + k)
    list[k + 1] = ("$cDeep%s ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION \"x\" SYNTAX $cDeep%s (0..%d)"):format(names[k + 1], names[k], 100000 - k)
  end
  return table.concat(list, "\n"), "$cDeep" .. names[n + 1]
end

local function object(name, syntax, number)
  return ("$p%s OBJECT-TYPE SYNTAX %s MAX-ACCESS read-only STATUS current DESCRIPTION \"x\" ::= { $pObjects %d }\n"):format(name, syntax, number)
end

-- One of twenty. Each gives the text; true behind it: it is clean. `other` names a module that was made before.
local kinds = {
  [2] = function(i) return _M.old(i), true end,
  [4] = function(i) return _M.clean(i, { tables = 3, columns = 60 }), true end,
  [6] = function(i) return _M.clean(i, { types = "$cMany ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION \"x\" SYNTAX INTEGER { "
      .. labels(1500) .. " }", more = object("Many", "$cMany", 90) }), true end,
  [8] = function(i)
    local types, last = deep(10)
    return _M.clean(i, { types = types, more = object("Deep", last, 90) .. object("Deeper", last .. " (1..5)", 91) }), true
  end,
  [10] = function(i) -- below a node of the one before, with its types and its index
    local b = i - 1
    return _M.clean(i, { imports = ("\n  m%dxDomain, m%dxOneName, M%dxState, M%dxRatio FROM CORPUS-M%d-MIB"):format(b, b, b, b, b),
      root = ("m%dxDomain %d"):format(b, i),
      index = ("INDEX { m%dxOneName, IMPLIED $pOneName }"):format(b), more = object("Theirs", ("M%dxState"):format(b), 90)
        .. object("Narrower", ("M%dxRatio (0..50)"):format(b), 91) }), true
  end,
  [11] = function(i) -- cut anywhere
    local text = _M.clean(i)
    return text:sub(1, 700 + i * 7919 % (#text - 710))
  end,
  [12] = function(i) -- a round of two
    return (_M.clean(i, { imports = ("\n  m%dxOneName FROM CORPUS-M%d-MIB"):format(i + 1, i + 1),
      index = ("INDEX { m%dxOneName }"):format(i + 1) }))
  end,
  [13] = function(i)
    return (_M.clean(i, { imports = ("\n  m%dxOneName FROM CORPUS-M%d-MIB"):format(i - 1, i - 1),
      index = ("INDEX { m%dxOneName }"):format(i - 1) }))
  end,
  [14] = function(i) -- what it imports is nowhere
    return (_M.clean(i, { imports = "\n  nowhere, NowhereType FROM NOWHERE-MIB",
      root = i % 40 < 20 and ("nowhere %d"):format(i) or nil, more = object("Lost", "NowhereType", 90) }))
  end,
  [15] = function(i) -- the module is there, the name is not
    return (_M.clean(i, { imports = "\n  ifNothing, NothingType FROM IF-MIB",
      more = object("Nothing", "NothingType", 90) .. "$pBelow OBJECT IDENTIFIER ::= { ifNothing 1 }\n" }))
  end,
  [16] = function(i) -- ranges no value is in, or none can be
    return (_M.clean(i, { more = object("Backwards", "Integer32 (100..0)", 90) .. object("Huge", "Integer32 (0..99999999999999999999)", 91)
      .. object("Twice", "Integer32 (0..10 | 5..20)", 92) .. object("Ring", "Unsigned32 (0..50 | 0..25)", 93)
      .. object("Hex", "Unsigned32 (0..'ffffffff'h)", 94)
      .. object("Minus", "Unsigned32 (-1..5)", 95) .. object("Long", "OCTET STRING (SIZE (0..70000))", 96) }))
  end,
  [17] = function(i) -- numbers and names given twice, types nobody defined
    return (_M.clean(i, { more = object("Same", "INTEGER { one(1), uno(1) }", 90) .. object("OneState", "Integer32", 91)
      .. object("Strange", "StrangeType", 92) }))
  end,
  [18] = function(i) -- text in quotes that does not end
    local text = _M.clean(i)
    local at = text:find('DESCRIPTION "', #text / 2, true)
    return text:sub(1, at + 40) .. text:sub(at + 41):gsub('"', "'")
  end,
  [19] = function(i) -- OIDs in a ring, a stray END, octets of no alphabet, what ends libsmi
    local wrong = { "XEntry ::= SEQUENCE { enterprises Integer32 }\n",
      "$pRound OBJECT IDENTIFIER ::= { $pAgain 1 }\n$pAgain OBJECT IDENTIFIER ::= { $pRound 1 }\n", "END\n", "\0\255\254 ???\n", "::= { } ( ; \" x \"\n" }
    return (_M.clean(i, { more = wrong[math.floor(i / 20) % #wrong + 1] }))
  end,
}

--- Writes modules 1..n into a directory, each a file. Gives the names of the clean ones, of the others, and the octets in all.
function _M.write(dir, n)
  local clean, broken, octets = {}, {}, 0
  for i = 1, n do
    local kind = kinds[i % 20]
    local text, good
    if kind then text, good = kind(i) else text, good = _M.clean(i), true end
    local name = ("CORPUS-M%d-MIB"):format(i)
    local f = assert(io.open(dir .. "/" .. name, "wb"))
    f:write(text)
    f:close()
    octets = octets + #text
    local list = good and clean or broken
    list[#list + 1] = name
  end
  return clean, broken, octets
end

return _M
