// The settings of the log, the same in every tracker. Used by the protocols' config.ts.
import { choice } from '../config/setting.ts'
import { LOG_FORMATS, LOG_LEVELS } from './log.ts'

export const logLevel = choice(
  'error',
  LOG_LEVELS,
  `Write events of this weight and above to standard error: error is what needs attention, warn
    what may, info what changes rarely, debug and trace are for finding faults. off writes none. The
    line that tells of the start is always written.`,
)

export const logFormat = choice(
  'text',
  LOG_FORMATS,
  `Write lines for people, or one JSON object per line for programs: with time, level and part, and
  message or, for statistics, the figures. What is wrong with the settings at the start is always text.

  Addresses of clients are never written, so there is nothing to hide in a log.`,
)
