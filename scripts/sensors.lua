-- sensors.lua: temperatures, fans, voltages, currents, optical power, in units without prefix.   MIB: ENTITY-SENSOR-MIB, ENTITY-MIB
-- out, by index, sensor, unit: sensor_value (volts, amperes, watts, hertz, celsius, percent, rpm, cubic metres a minute; what
-- the agent writes for other types), sensor_on (1, 0: truth values); sensor_ok for all; sensor_status where it is not
local snmp = require "moonpoll"
local ENT, SENSOR = snmp.mib "ENTITY-MIB", snmp.mib "ENTITY-SENSOR-MIB"

local names = { name = ENT.entPhysicalName, descr = ENT.entPhysicalDescr }
local columns = {
  type = SENSOR.entPhySensorType, scale = SENSOR.entPhySensorScale, precision = SENSOR.entPhySensorPrecision,
  value = SENSOR.entPhySensorValue, status = SENSOR.entPhySensorOperStatus, units = SENSOR.entPhySensorUnitsDisplay,
}
local UNITS = {
  voltsAC = "volts_ac", voltsDC = "volts_dc", amperes = "amperes", watts = "watts", hertz = "hertz", celsius = "celsius",
  percentRH = "percent", rpm = "rpm", cmm = "cmm", truthvalue = "truth",
}
local ONES, TRUE, OK = SENSOR.entPhySensorScale.units, 1, SENSOR.entPhySensorOperStatus.ok
local BEYOND = 1e9 -- EntitySensorValue: this and its negative say that it is more, or less, than can be told

-- RFC 3433: value * 10^(3 * (scale - units)), with so many decimal places in it. A negative precision tells how many digits
-- are accurate and scales nothing. One power and one operation: 12345 of precision 2 is 123.45 and no neighbour of it.
local function scaled(value, scale, precision)
  local exponent = 3 * ((scale or ONES) - ONES) - math.max(precision or 0, 0)
  return exponent < 0 and value / 10 ^ -exponent or value * 10 ^ exponent
end

return {
  every = 60, timeout = 30,
  metrics = {
    sensor_value = { type = "gauge", help = "What a sensor reads, in the unit of its label" },
    sensor_on = { type = "gauge", help = "1: true, 0: false" },
    sensor_ok = { type = "gauge", help = "1: the agent can read it, 0: it cannot" },
    sensor_status = { type = "state", help = "Why a sensor has no value" },
  },
  run = function(device, out)
    local known = assert(device:cache("names", 3600, function() return device:table(names) end))
    for index, row in device:rows(columns) do
      local entity = known[index] or {}
      local name = snmp.text(entity.name ~= "" and entity.name or entity.descr) or index
      local unit = UNITS[SENSOR.entPhySensorType[row.type]] or snmp.text(row.units) or ""
      local o, ok = out:with { index = index, sensor = name, unit = unit }, row.status == OK or row.status == nil
      o:gauge("sensor_ok", ok and 1 or 0)
      if not ok then
        o:state("sensor_status", SENSOR.entPhySensorOperStatus[row.status] or "unknown")
      elseif unit == "truth" then
        o:gauge("sensor_on", row.value == TRUE and 1 or 0)
      elseif row.value and math.abs(row.value) < BEYOND then
        o:gauge("sensor_value", scaled(row.value, row.scale, row.precision))
      end
    end
  end,
}
