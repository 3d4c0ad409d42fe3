// Which boot of the machine this is, and the two clocks from which a snapshot's age is computed. Called by the
// main thread at startup.
//
// The monotonic clock restarts with the machine. Within one boot it tells exactly how much time has passed,
// whatever happens to the wall clock; across boots only the wall clock can. A machine restored from an image
// counts as the same boot, and its monotonic clock continues from the image: files written after the image was
// taken then carry a later second than now.
import { readFileSync } from 'node:fs'
import { nowMilliseconds } from '../os/clock.ts'

const BOOT_ID_BYTES = 16

/** 16 bytes that identify this boot of the machine; zeros if the system does not provide them. */
export function readBootId(): Uint8Array {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replace(/[^0-9a-f]/g, '')
    return new Uint8Array(Buffer.from(text.padEnd(BOOT_ID_BYTES * 2, '0'), 'hex'))
  } catch {
    return new Uint8Array(BOOT_ID_BYTES)
  }
}

/** A moment by both clocks, in seconds. */
export interface Moment {
  readonly bootId: Uint8Array
  readonly monotonic: number
  readonly wall: number
}

export function momentNow(bootId: Uint8Array): Moment {
  return { bootId, monotonic: Math.floor(nowMilliseconds() / 1000), wall: Date.now() / 1000 }
}

/** True if both are certainly the same boot of the machine. */
export function sameBoot(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0 && a.some((byte) => byte !== 0)
}

/** True if the monotonic clock was set back between two moments. */
export function ranBackwards(before: Moment, after: Moment): boolean {
  return sameBoot(before.bootId, after.bootId) && after.monotonic < before.monotonic
}

/** Whole seconds from one moment to another, never less than 0: a wall clock may have been set back. */
export function secondsBetween(before: Moment, after: Moment): number {
  const isOneClock = sameBoot(before.bootId, after.bootId) && !ranBackwards(before, after)
  const passed = isOneClock ? after.monotonic - before.monotonic : after.wall - before.wall
  return Math.max(0, Math.ceil(passed))
}
