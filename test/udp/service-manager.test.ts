import { expect, setDefaultTimeout, test } from 'bun:test'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { inFolder } from '../support/folder.ts'
import { withNotifyListener } from '../support/notify-listener.ts'
import { listenOn, type StartOptions, withTracker } from '../support/tracker.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'

/** Ready, then alive again and again although nobody asks the tracker anything, then stopping. */
function expectReports(options: StartOptions): Promise<void> {
  return withNotifyListener((listener) => {
    const env = { NOTIFY_SOCKET: listener.address, WATCHDOG_USEC: '400000' }
    return withTracker({ ...options, env }, async (tracker) => {
      const ready = await listener.waitFor('READY=1')
      expect(ready).toContain(`\nSTATUS=listening on ${tracker.address()} (`)
      // Longer than the time after which a worker without a beat counts as hanging.
      await listener.waitFor('WATCHDOG=1', 12)
      tracker.signal('SIGHUP')
      const reloading = await listener.waitFor('RELOADING=1')
      const [, microseconds] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading) ?? []
      expect(Math.abs(Number(microseconds) / 1000 - nowMilliseconds())).toBeLessThan(10_000)
      expect(await listener.waitFor('READY=1', 2)).toBe('READY=1')
      tracker.signal('SIGTERM')
      await listener.waitFor('STOPPING=1')
      const { code, stderr } = await tracker.waitForEnd()
      expect(code).toBe(0)
      expect(stderr).not.toContain('no progress')
    })
  })
}

test('the service manager learns of start, life and stop', () =>
  expectReports({ settings: `socket_workers = 2\n${listenOn('127.0.0.1:0')}` }))

test.skipIf(!isRoot)(`also behind a chroot and as another user${needsRoot}`, () =>
  inFolder((folder) => {
    const rights = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
    return expectReports({ settings: listenOn('127.0.0.1:0') + rights })
  }),
)
