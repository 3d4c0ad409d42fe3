// kill -9 at random moments: a tracker that keeps its state in a folder is killed under load, again and
// again. Used by the restart tests of both trackers.
import { expect } from 'bun:test'
import { randomFrom } from '../swarm/harness.ts'
import { type StartOptions, type Tracker, withTracker } from './tracker.ts'

const ROUNDS = 12
const KILL_WITHIN_MS = 150

/** Within a round, a fast machine sends more than small trackers may keep. */
export const KILL_LOOP_LIMITS = '[limits]\nmax_torrents = 1000000\nmax_peers = 1000000\n'

/** Gives a tracker what it has to keep: so many of something, each once. */
export interface Load {
  /** Brings `count` further ones, behind `first` that were brought so far. */
  add(first: number, count: number): Promise<void>
  /** How many the tracker knows. */
  known(total: number): Promise<number>
  close(): void
}

export interface KillLoop {
  readonly options: StartOptions
  open(tracker: Tracker): Promise<Load>
  /** How many a tracker has restored at its start. */
  restored(tracker: Tracker, load: Load, total: number): Promise<number> | number
  /** Brought before the first snapshot of a round, and between two further ones. */
  readonly many: number
  readonly few: number
}

/** Nothing that was written is lost, and nothing is damaged. */
export async function killAtRandomMoments(loop: KillLoop): Promise<void> {
  const random = randomFrom(Number(process.env.TEST_SEED ?? Date.now()))
  let safe = 0
  let brought = 0
  for (let round = 0; round < ROUNDS; round++) {
    await withTracker(loop.options, async (tracker) => {
      expect(tracker.stderr).not.toContain('warning')
      const load = await loop.open(tracker)
      if (round > 0) {
        const restored = await loop.restored(tracker, load, brought)
        expect(restored).toBeGreaterThanOrEqual(safe)
        expect(restored).toBeLessThanOrEqual(brought)
      }
      const add = async (count: number) => {
        await load.add(brought, count)
        brought += count
      }
      // One snapshot that is known to be finished, then some that a kill may meet anywhere.
      await add(loop.many)
      safe = await load.known(brought)
      tracker.signal('SIGUSR2')
      await tracker.waitForOutput(/snapshot written/)
      const killAt = performance.now() + random() * KILL_WITHIN_MS
      while (performance.now() < killAt) {
        tracker.signal('SIGUSR2')
        await add(loop.few)
      }
      tracker.signal('SIGKILL')
      await tracker.waitForEnd()
      load.close()
    })
  }
  expect(safe).toBeGreaterThan(loop.many)
}
