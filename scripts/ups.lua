-- ups.lua: battery, lines and alarms of an uninterruptible power supply.   MIB: UPS-MIB (RFC 1628)
-- out: ups_info (labels vendor, model, name, software); ups_battery_status, ups_output_source (states); ups_on_battery_seconds,
-- ups_remaining_seconds, ups_charge_percent, ups_battery_volts, ups_battery_amperes, ups_battery_celsius, ups_output_hertz,
-- ups_line_bads, ups_alarms; by line: ups_input_hertz, _volts, _amperes, _watts, ups_output_volts, _amperes, _watts,
-- ups_output_load_percent; ups_alarm (info) by alarm and id
local snmp = require "moonpoll"
local UPS = snmp.mib "UPS-MIB"

local scalars = {
  vendor = UPS.upsIdentManufacturer, model = UPS.upsIdentModel, name = UPS.upsIdentName, software = UPS.upsIdentUPSSoftwareVersion,
  status = UPS.upsBatteryStatus, source = UPS.upsOutputSource, since = UPS.upsSecondsOnBattery,
  minutes = UPS.upsEstimatedMinutesRemaining, charge = UPS.upsEstimatedChargeRemaining, volts = UPS.upsBatteryVoltage,
  amperes = UPS.upsBatteryCurrent, celsius = UPS.upsBatteryTemperature, hertz = UPS.upsOutputFrequency,
  bads = UPS.upsInputLineBads, alarms = UPS.upsAlarmsPresent,
}
local input = { hertz = UPS.upsInputFrequency, volts = UPS.upsInputVoltage, amperes = UPS.upsInputCurrent, watts = UPS.upsInputTruePower }
local output = { volts = UPS.upsOutputVoltage, amperes = UPS.upsOutputCurrent, watts = UPS.upsOutputPower, load = UPS.upsOutputPercentLoad }

-- Battery volts and amperes, line amperes and hertz are integers of 0.1; line volts and watts are whole.
local function tenths(v) return v and v / 10 end
-- None of these can be below zero: where there is no sensor some agents say -1.
local function measured(v) return v and v >= 0 and v or nil end

return {
  every = 30, timeout = 20,
  run = function(device, out)
    local ups, err = device:get(scalars)
    if not ups then return nil, err end
    out:with { vendor = snmp.text(ups.vendor) or "", model = snmp.text(ups.model) or "", name = snmp.text(ups.name) or "",
      software = snmp.text(ups.software) or "" }:info("ups_info", 1)
    out:state("ups_battery_status", UPS.upsBatteryStatus[ups.status])
    out:state("ups_output_source", UPS.upsOutputSource[ups.source])
    out:gauge("ups_on_battery_seconds", measured(ups.since))
    out:gauge("ups_remaining_seconds", measured(ups.minutes) and ups.minutes * 60)
    out:gauge("ups_charge_percent", measured(ups.charge))
    out:gauge("ups_battery_volts", tenths(measured(ups.volts)))
    out:gauge("ups_battery_amperes", tenths(ups.amperes)) -- of either sign: it charges or gives
    out:gauge("ups_battery_celsius", ups.celsius)
    out:gauge("ups_output_hertz", tenths(measured(ups.hertz)))
    out:counter("ups_line_bads", ups.bads)
    out:gauge("ups_alarms", ups.alarms)
    for kind, columns in pairs { input = input, output = output } do
      for line, row in device:rows(columns) do
        local o, name = out:with { line = line }, "ups_" .. kind .. "_"
        o:gauge(name .. "hertz", tenths(measured(row.hertz)))
        o:gauge(name .. "volts", measured(row.volts))
        o:gauge(name .. "amperes", tenths(measured(row.amperes)))
        o:gauge(name .. "watts", measured(row.watts))
        o:gauge(name .. "load_percent", measured(row.load))
      end
    end
    for id, row in device:rows { what = UPS.upsAlarmDescr } do
      out:with { id = id, alarm = snmp.name(row.what, "suffix") or "" }:info("ups_alarm", 1)
    end
  end,
}
