import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { TrackerWatch } from '../../load/watch.ts'
import { waitUntil } from '../support/wait.ts'

describe('a tracker that the load tester starts', () => {
  test('is in a session of its own, so that Ctrl-C does not end it before its figures are read', async () => {
    const watch = TrackerWatch.open(0, 'sleep 60')
    if (watch === null) throw new Error('nothing to watch')
    expect(sessionOf(watch.pid)).toBe(watch.pid)
    expect(sessionOf(process.pid)).not.toBe(watch.pid)
    await watch.stop()
    expect(watch.ended()).not.toBeNull()
  })

  test('is not there any more when it has ended, with its last words', async () => {
    const watch = TrackerWatch.open(0, "sh -c 'echo no port left >&2; exit 1'")
    await waitUntil('it has ended', () => watch?.ended() !== null)
    await waitUntil('its words', () => watch?.ended()?.endsWith('no port left') === true)
  })
})

/** Of /proc/PID/stat, the fourth field after the name. */
function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}
