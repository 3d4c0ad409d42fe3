import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { TrackerWatch } from '../../load/watch.ts'
import { waitUntil } from '../support/wait.ts'

describe('a tracker that the load tester starts', () => {
  test('is in a session of its own, so that Ctrl-C does not end it before its figures are read', async () => {
    const watch = TrackerWatch.open([], 'sleep 60')
    if (watch === null) throw new Error('nothing to watch')
    const [pid] = watch.pids
    expect(sessionOf(pid)).toBe(pid)
    expect(sessionOf(process.pid)).not.toBe(pid)
    await watch.stop()
    expect(watch.ended()).not.toBeNull()
  })

  test('is gone once it has ended, with its last words', async () => {
    const watch = TrackerWatch.open([], "sh -c 'echo no port left >&2; exit 1'")
    await waitUntil('it has ended', () => watch?.ended() !== null)
    await waitUntil('its words', () => watch?.ended()?.endsWith('no port left') === true)
  })
})

test('several processes count as one, which ends with the first of them', async () => {
  const own = TrackerWatch.open([process.pid], '')?.sample()
  const twice = TrackerWatch.open([process.pid, process.pid], '')?.sample()
  expect(twice?.openFiles).toBe(2 * (own?.openFiles ?? 0))
  expect((twice?.rssKb ?? 0) / (own?.rssKb ?? 1)).toBeCloseTo(2, 0)

  const sleeper = Bun.spawn(['sleep', '60'])
  const { pid } = sleeper
  const both = TrackerWatch.open([process.pid, pid], '')
  expect(both?.ended()).toBeNull()
  sleeper.kill()
  await sleeper.exited
  both?.sample()
  expect(both?.ended()).toBe(`process ${pid} ended`)
  expect(() => TrackerWatch.open([process.pid, pid], '')).toThrow(`there is no process ${pid}`)
})

/** Of /proc/PID/stat, the fourth field after the name. */
function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}
