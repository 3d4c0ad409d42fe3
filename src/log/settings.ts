// The setting log_format, the same in every tracker. Used by the protocols' config.ts.
import { choice } from '../config/setting.ts'
import { LOG_FORMATS } from './log.ts'

export const logFormat = choice(
  'text',
  LOG_FORMATS,
  `Write lines for people, or one JSON object per line for programs: with time, level and part, and
  message or, for statistics, the figures. What is wrong with the settings at the start is always text.

  Addresses of clients are never written, so there is nothing to hide in a log.`,
)
