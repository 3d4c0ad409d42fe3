// Polls a list's file for changes, and tells whether it is being written at the moment. Used by reloader.ts.
//
// Lists should be replaced by renaming, but many are written in place, and half a list refuses what the whole
// list allows. So a file is read only once its size and time have been the same in two polls.
import { statSync } from 'node:fs'

/** How often the file's state, not its content, is read, which takes microseconds. */
export const WATCH_MILLISECONDS = 2000

/** Between two polls when someone waits for the list: at startup or after a signal. */
const SETTLE_MILLISECONDS = 300
const SETTLE_POLLS_MAX = 20

/** A file that is being replaced may be gone for a moment; after half a minute it counts as missing. */
const MISSING_POLLS = 15

/** A text that changes whenever the file does; '' if there is no file. */
export function stateOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return ''
  }
}

/** Resolves with the file's state once that is stable; null if the file keeps changing. */
export async function settledState(path: string): Promise<string | null> {
  let state = stateOf(path)
  if (isOld(path)) return state
  for (let polls = 0; polls < SETTLE_POLLS_MAX; polls++) {
    await Bun.sleep(SETTLE_MILLISECONDS)
    const now = stateOf(path)
    if (now === state) return state
    state = now
  }
  return null
}

/** True if it has not changed for a while, or cannot be accessed, which reading it will report. */
function isOld(path: string): boolean {
  try {
    return Math.abs(Date.now() - statSync(path).mtimeMs) > WATCH_MILLISECONDS
  } catch {
    return true
  }
}

/** Called every WATCH_MILLISECONDS. */
export class FileWatch {
  private last = ''
  private missingPolls = 0

  /** The file has been gone for longer than it takes to replace it. */
  get isMissing(): boolean {
    return this.missingPolls >= MISSING_POLLS
  }

  /** The state of a file that differs from `known` and has not changed since the last poll; else null. */
  poll(path: string, known: string): string | null {
    const state = stateOf(path)
    const held = state === this.last
    this.last = state
    this.missingPolls = state === '' ? this.missingPolls + 1 : 0
    return held && state !== known && state !== '' ? state : null
  }
}
