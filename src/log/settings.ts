// The settings of the log, the same in every tracker. Used by the protocols' config.ts.
import { choice } from '../config/setting.ts'
import { LOG_ADDRESSES, LOG_FORMATS, LOG_LEVELS } from './log.ts'

/** At the top level of the file. */
export const logSettings = {
  log_level: choice(
    'error',
    LOG_LEVELS,
    `Write events of this severity and above to standard error: error needs attention, warn may need
    it, info reports rare changes, debug and trace help to find faults. off writes none. The line that
    reports the start, the outcome of signals, and what happens to the connection with other nodes
    ([cluster]) are always written.`,
  ),

  log_format: choice(
    'text',
    LOG_FORMATS,
    `Write text for people, or one JSON object per line for programs, with time, level, part, and a
  message or, for statistics, the figures. Mistakes in the settings at startup are always text.`,
  ),

  log_addresses: choice(
    'hashed',
    LOG_ADDRESSES,
    `How log lines identify single clients. Such lines appear at log_level 'info' and below, a bounded
  number per minute. 'plain' writes the address (for IPv6, its /64 network), 'off' nothing.

  'hashed' writes a name that stays the same for an address until the tracker restarts. The address
  cannot be recovered from it, even by trying all addresses: the hash's key is random and never leaves
  the process. It is the default because an address can identify a person, logs are kept and passed on,
  and a hash answers most questions: one client or many, and the same as last night? Set 'plain' while
  you need addresses, such as for a firewall; SIGHUP applies it.`,
  ),
}
