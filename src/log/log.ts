// Log lines on standard error, for what happens after the start. Used by main threads: workers
// report through shared memory and messages, and their main thread writes the line. Synchronous,
// so that the last line before an exit is written too.

import { configureSync, getLogger, type LogRecord } from '@logtape/logtape'
import { printable, writeRunning } from '../config/output.ts'

export const LOG_LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const PROGRAM = 'aquatic'

export interface Log {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
  trace(text: string): void
}

/** Sets the level for the whole process; call it again to change it. Before that nothing is logged. */
export function setLogLevel(level: LogLevel): void {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => writeRunning(lineOf(record)) },
    loggers: [
      {
        category: [PROGRAM],
        sinks: ['stderr'],
        lowestLevel: level === 'off' ? null : level === 'warn' ? 'warning' : level,
      },
      { category: ['logtape', 'meta'], sinks: ['stderr'], lowestLevel: 'error' },
    ],
  })
}

/** `part` stands in each line, such as `udp` or `cleaning`. */
export function logFor(part: string): Log {
  const logger = getLogger([PROGRAM, part])
  // The text is passed as data, because the library would replace {braces} in a message.
  return {
    error: (text) => logger.error('{text}', { text }),
    warn: (text) => logger.warning('{text}', { text }),
    info: (text) => logger.info('{text}', { text }),
    debug: (text) => logger.debug('{text}', { text }),
    trace: (text) => logger.trace('{text}', { text }),
  }
}

function lineOf(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString()
  const level = (record.level === 'warning' ? 'warn' : record.level).padEnd(5)
  const part = record.category.slice(1).join('.')
  const text = record.message.map(String).join('')
  // One event is one line, and bytes from outside cannot drive the reader's terminal.
  return `${time} ${level} ${part}: ${printable(text.replace(/\s*\n\s*/g, ' | '))}\n`
}
