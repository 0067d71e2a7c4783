-- entity.lua: what a device is built of: chassis, cards, power supplies, fans, ports, with serial numbers.   MIB: ENTITY-MIB
-- --arg class=PATTERN, a Lua pattern, leaves the others out: "chassis", "^module$"
-- out: entities (number, by class); entity (info) by index, class, name, descr, model, serial, vendor, hardware, firmware,
-- software, parent (index of what it is in, "0": nothing), path (names from the outermost to it), fru ("true": replaceable)
local args = ...
local snmp = require "moonpoll"
local ENT, TC = snmp.mib "ENTITY-MIB", snmp.mib "SNMPv2-TC"

local columns = {
  descr = ENT.entPhysicalDescr, parent = ENT.entPhysicalContainedIn, class = ENT.entPhysicalClass, name = ENT.entPhysicalName,
  hardware = ENT.entPhysicalHardwareRev, firmware = ENT.entPhysicalFirmwareRev, software = ENT.entPhysicalSoftwareRev,
  serial = ENT.entPhysicalSerialNum, vendor = ENT.entPhysicalMfgName, model = ENT.entPhysicalModelName, fru = ENT.entPhysicalIsFRU,
}
local TEXTS = { "descr", "name", "hardware", "firmware", "software", "serial", "vendor", "model" }
local DEPTH = 16 -- of a path: nothing is nested deeper, and an entity contained in itself ends too

-- Agents pad with blanks, and some with NULs in the middle, which makes it hexadecimal.
local function text(octets)
  local s = snmp.text(octets and octets:gsub("%z.*", "")) or ""
  return s:match "^%s*(.-)%s*$"
end

return {
  every = 3600, timeout = 120,
  metrics = {
    entities = { type = "gauge", help = "Physical entities of a class" },
    entity = { type = "info", help = "1 for every physical entity" },
  },
  run = function(device, out)
    local all = assert(device:table(columns))
    for _, row in pairs(all) do
      for _, key in ipairs(TEXTS) do row[key] = text(row[key]) end
      if row.name == "" then row.name = row.descr end
    end
    local n = {}
    for index, row in pairs(all) do
      local class = ENT.entPhysicalClass[row.class] or "unknown"
      n[class] = (n[class] or 0) + 1
      local path, above = row.name, all[tostring(row.parent)]
      for _ = 2, DEPTH do
        if not above then break end
        path, above = above.name .. "/" .. path, all[tostring(above.parent)]
      end
      if class:find(args.class or "") then
        local labels = { index = index, class = class, parent = tostring(row.parent or 0), path = path, fru = TC.TruthValue[row.fru] or "" }
        for _, key in ipairs(TEXTS) do labels[key] = row[key] end
        out:with(labels):info("entity", 1)
      end
    end
    for class, count in pairs(n) do out:with { class = class }:gauge("entities", count) end
  end,
}
