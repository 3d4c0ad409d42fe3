// The settings of the log, the same in every tracker. Used by the protocols' config.ts.
import { choice } from '../config/setting.ts'
import { LOG_ADDRESSES, LOG_FORMATS, LOG_LEVELS } from './log.ts'

export const logLevel = choice(
  'error',
  LOG_LEVELS,
  `Write events of this weight and above to standard error: error is what needs attention, warn
    what may, info what changes rarely, debug and trace are for finding faults. off writes none. The
    line that tells of the start is always written, and so is what came of a signal.`,
)

export const logFormat = choice(
  'text',
  LOG_FORMATS,
  `Write lines for people, or one JSON object per line for programs: with time, level and part, and
  message or, for statistics, the figures. What is wrong with the settings at the start is always text.`,
)

export const logAddresses = choice(
  'hashed',
  LOG_ADDRESSES,
  `How lines about single clients name them. There are such lines with log_level 'info' and below, a
  bounded number per minute. 'plain' writes the address, of IPv6 its /64 network. 'off' writes none.

  'hashed' writes a name that is the same for the same address until the restart. The address cannot be
  found from it, also not by trying all of them: the key of the hash is random and never leaves the
  process. It is the default because an address can tell who a person is, logs are kept and passed on,
  and most questions are answered without: is it one client or many, and is it the one of yesterday
  evening. Set 'plain' while you need addresses, such as for a firewall; SIGHUP puts it in force.`,
)
