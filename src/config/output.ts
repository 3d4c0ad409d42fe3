// Writes whole texts to standard output and standard error, synchronously, so that a process may
// exit right after. Used by cli.ts, the log and the trackers' statistics.
//
// A running server must not wait for the reader of its lines: a reader that stalls would delay the
// response to a signal. So it writes them with writeRunning, to a pipe without ever waiting.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { counted } from './quantities.ts'

const STDOUT = 1
const STDERR = 2
// A pipe whose reader does not read: try for ten seconds, then drop the text.
const FULL_PIPE_PAUSE_MS = 5
const FULL_PIPE_TRIES_MAX = 2000

/** Returns null, or why the text could not be written. A reader that went away is no error. */
export function writeStdout(text: string): string | null {
  return writeAll(STDOUT, text)
}

/** Failures are ignored: there is nowhere to report them. */
export function writeStderr(text: string): void {
  writeAll(STDERR, text)
}

/** Standard error once more, when it is a pipe: opened without blocking, for this file alone. */
let pipe: number | null = null
let lostLines = 0

/** Call it once before a chroot: afterwards there is no name to open the pipe by. */
export function prepareRunning(): void {
  if (pipe !== null) closeSync(pipe)
  pipe = null
  try {
    if (!fstatSync(STDERR).isFIFO()) return
    pipe = openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // No /proc, or no right to open it: lines are then written as during the start.
  }
}

/** Writes lines of a running server. When a pipe is full they are lost, and the next line that fits says so. */
export function writeRunning(text: string): void {
  if (pipe === null) {
    writeStderr(text)
    return
  }
  const lost =
    lostLines === 0 ? '' : `(${counted(lostLines, 'line')} lost: the reader was too slow)\n`
  try {
    writeSync(pipe, lost + text)
    lostLines = 0
  } catch (error) {
    if ((error as { code?: string }).code === 'EAGAIN') lostLines++
  }
}

/** Text from outside, made safe for one line of a terminal. */
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
