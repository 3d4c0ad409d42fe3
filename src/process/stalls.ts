// The trouble of workers that hang. Used by tracker/tracker.ts, which asks once a second; what a stall is, workers.ts says.
import type { Trouble, TroubleSource } from './troubles.ts'
import type { Workers } from './workers.ts'

/** A worker that hangs, which only a restart mends. */
export function stallTrouble(workers: Workers): TroubleSource {
  const find = (): Trouble | null => {
    const names = workers.stalled()
    if (names.length === 0) return null
    return {
      severity: 'bad',
      text: `No progress in ${names.join(', ')}: clients of ${names.length === 1 ? 'it' : 'them'} get no answers.`,
      remedy: 'Restart the tracker, or let the watchdog of systemd do it (docs/operations.md).',
      restartHelps: true,
    }
  }
  return { name: 'worker_stalled', find }
}
