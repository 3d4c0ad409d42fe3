// Log lines on standard error, for what happens after the start. Used by main threads: workers
// report through shared memory and messages, and their main thread writes the line. Synchronous,
// so that the last line before an exit is written too.

import { configureSync, getLogger, type LogRecord } from '@logtape/logtape'
import { printable, writeRunning, writeStderr } from '../config/output.ts'

export const LOG_LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export const LOG_ADDRESSES = ['hashed', 'plain', 'off'] as const
export type LogAddresses = (typeof LOG_ADDRESSES)[number]

const PROGRAM = 'aquatic'

/** Of the whole process, like the level. */
let currentFormat: LogFormat = 'text'

export interface Log {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
  trace(text: string): void
  /** At every level: the result of a signal, whose sender waits for it. */
  always(level: 'info' | 'warn' | 'error', text: string): void
}

/** Sets level and form for the whole process; call it again to change it. Before that nothing is logged. */
export function setLog(level: LogLevel, format: LogFormat): void {
  currentFormat = format
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

/** In a worker, whose notices then have the form of the main thread's lines. */
export function setLogFormat(format: LogFormat): void {
  currentFormat = format
}

export function logFormat(): LogFormat {
  return currentFormat
}

/** `part` is written in each line, such as `udp` or `cleaning`. */
export function logFor(part: string): Log {
  const logger = getLogger([PROGRAM, part])
  // The text is passed as data, because the library would replace {braces} in a message.
  return {
    error: (text) => logger.error('{text}', { text }),
    warn: (text) => logger.warning('{text}', { text }),
    info: (text) => logger.info('{text}', { text }),
    debug: (text) => logger.debug('{text}', { text }),
    trace: (text) => logger.trace('{text}', { text }),
    always: (level, text) => writeRunning(lineWith(new Date(), level, part, text)),
  }
}

/**
 * Writes what an operator always wants to know, whatever the level: that the tracker has started, or why
 * it ends. As text it is a line of its own.
 */
export function writeNotice(level: 'info' | 'warn' | 'error', text: string): void {
  if (currentFormat === 'text') writeStderr(`${text}\n`)
  else writeStderr(jsonLine(new Date(), level, 'tracker', { message: text }))
}

/** Writes figures that were asked for: as text a table, else one line of JSON. */
export function writeFigures(part: string, table: string, figures: object): void {
  if (currentFormat === 'text') writeRunning(table)
  else writeRunning(jsonLine(new Date(), 'info', part, figures))
}

function lineOf(record: LogRecord): string {
  const level = record.level === 'warning' ? 'warn' : record.level
  const part = record.category.slice(1).join('.')
  const text = record.message.map(String).join('')
  return lineWith(new Date(record.timestamp), level, part, text)
}

function lineWith(time: Date, level: string, part: string, text: string): string {
  if (currentFormat === 'json') return jsonLine(time, level, part, { message: text })
  // One event is one line, and bytes from outside cannot control the reader's terminal.
  const line = printable(text.replace(/\s*\n\s*/g, ' | '))
  return `${time.toISOString()} ${level.padEnd(5)} ${part}: ${line}\n`
}

function jsonLine(time: Date, level: string, part: string, more: object): string {
  return `${JSON.stringify({ time: time.toISOString(), level, part, ...more })}\n`
}
