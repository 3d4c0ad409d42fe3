// What to say where the system lets no program generate code: system calls go through functions that are
// compiled at the start, so nothing works there. Called by ffi.ts when that fails.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { writeStderr } from '../config/output.ts'
import { bytesText } from '../config/quantities.ts'

/** With less, the runtime finds no room for code. It reserves addresses, not memory. */
const ROOM_BYTES = 2.5 * 2 ** 30

/** Of /proc/self/limits, with the command and the unit's setting that make it. */
const LIMITS = [
  ['Max address space', 'on address space (ulimit -v, LimitAS)'],
  ['Max data size', 'on data (ulimit -d, LimitDATA)'],
] as const

/** The process ends with one line, unless the error is another one. */
export function endWithoutCode(error: unknown): never {
  if (!(error instanceof Error) || !error.message.includes('requires the JIT')) throw error
  // Of the program that was called: an executable may hold several (scripts/all-in-one.ts).
  const name = basename(process.argv0)
  const program = name.startsWith('aquatic') ? name : 'aquatic'
  writeStderr(`${program}: the system does not let it generate code, which it needs: ${cause()}\n`)
  process.exit(1)
}

function cause(): string {
  for (const [name, what] of LIMITS) {
    const bytes = limitOf(name)
    if (bytes >= ROOM_BYTES) continue
    return `the limit ${what} is ${bytesText(bytes)}; raise it to 16 GB, of which most stays unused, or remove it`
  }
  return (
    'memory may not be both written and executed; remove MemoryDenyWriteExecute from the systemd unit, or ' +
    'the rule of SELinux, seccomp or prctl that says so, and unset BUN_JSC_useJIT'
  )
}

/** Infinity when there is no limit, or it cannot be read. */
function limitOf(name: string): number {
  try {
    const text = readFileSync('/proc/self/limits', 'latin1')
    const [, value] = new RegExp(`^${name} +(\\d+)`, 'm').exec(text) ?? []
    return value === undefined ? Number.POSITIVE_INFINITY : Number(value)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
