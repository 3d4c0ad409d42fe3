// Writes whole texts to standard output and standard error, synchronously, so that a process may
// exit right after. Used by cli.ts and the log.

import { writeSync } from 'node:fs'

const STDOUT = 1
const STDERR = 2
// A pipe whose reader sleeps: try for ten seconds, then give the text up.
const FULL_PIPE_PAUSE_MS = 5
const FULL_PIPE_TRIES_MAX = 2000

/** Returns null, or why the text could not be written. A reader that went away is no error. */
export function writeStdout(text: string): string | null {
  return writeAll(STDOUT, text)
}

/** There is nowhere to complain if this fails, so it does not. */
export function writeStderr(text: string): void {
  writeAll(STDERR, text)
}

/** Text from outside, fit for one line of a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}

function writeAll(file: number, text: string): string | null {
  const data = new TextEncoder().encode(text)
  let at = 0
  let tries = 0
  while (at < data.length) {
    try {
      at += writeSync(file, data, at)
      tries = 0
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (code === 'EPIPE') return null
      const isFull = code === 'EAGAIN' || code === 'EINTR'
      if (!isFull || ++tries > FULL_PIPE_TRIES_MAX) return message
      Bun.sleepSync(FULL_PIPE_PAUSE_MS)
    }
  }
  return null
}
