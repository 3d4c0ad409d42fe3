// Asks the system for short turns on a core. Called by each worker thread before it serves, through
// process/workers.ts.
//
// Of two threads on one core, the one with the shorter turns gets the core as soon as it wakes up; other
// ones wait for the end of the other's turn, some milliseconds, in which packets pile up. From Linux 6.12
// on a thread may choose, without any right, and its share of the core stays what it was. Before, and
// where a filter of system calls forbids it, nothing changes.
import { addressOf, libc, nativeWords } from './ffi.ts'
import { SCHED_OTHER } from './kernel.ts'

/** Numbers of sched_setattr and sched_getattr, for which libc has had functions only since 2.41. */
const CALLS = new Map<string, readonly [set: number, get: number]>([
  ['x64', [314, 315]],
  ['arm64', [274, 275]],
])

// struct sched_attr: 0:4 size │ 4:4 policy │ 8:8 flags │ 16:4 nice │ 20:4 priority │ 24:8 turn in ns │ 32:16 …
const ATTR_WORDS = 12
const ATTR_POLICY = 1
const ATTR_TURN = 6

/** A third of the usual on two cores, and still thousands of packets. */
const TURN_NANOSECONDS = 500_000

/** For the calling thread. True when the system agreed. */
export function askForShortTurns(): boolean {
  const calls = CALLS.get(process.arch)
  if (calls === undefined) return false
  const [set, get] = calls
  const attr = nativeWords(ATTR_WORDS)
  const at = addressOf(attr)
  if (libc.syscall(get, 0, at as never, ATTR_WORDS * 4, 0) !== 0) return false
  // Who gave the process another policy knows why.
  if (attr[ATTR_POLICY] !== SCHED_OTHER) return false
  attr[ATTR_TURN] = TURN_NANOSECONDS
  return libc.syscall(set, 0, at as never, 0, 0) === 0
}
