// A new process takes the place of a running one under load: same swarms, and hardly a request lost.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnce } from '../support/http-client.ts'
import {
  type Endpoint,
  HTTP_EXECUTABLE,
  listenOn,
  type StartOptions,
  withTracker,
} from '../support/tracker.ts'

setDefaultTimeout(180_000)

const ASKERS = 8
const LOST_SHARE_MAX = 0.02

function settingsFor(folder: string, port: number, workers: number): StartOptions {
  return {
    executable: HTTP_EXECUTABLE,
    settings:
      `log_level = 'info'\nsocket_workers = ${workers}\n${listenOn(`127.0.0.1:${port}`)}` +
      `[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true\n`,
  }
}

/** Connections one after the other, several at a time. */
async function steadyLoad(to: Endpoint, done: () => boolean) {
  let sent = 0
  let lost = 0
  const ask = async () => {
    while (!done()) {
      sent++
      await askOnce(to, '/health').catch(() => void lost++)
    }
  }
  await Promise.all(Array.from({ length: ASKERS }, ask))
  return { sent, lost }
}

test.each([1, 3])('a tracker of %d workers is replaced under load', (workers) =>
  inFolder((folder) =>
    withTracker(settingsFor(folder, 0, workers), async (old) => {
      const to = old.at()
      for (let port = 1001; port <= 1050; port++) await askOnce(to, announceTarget({ port }))
      let done = false
      const load = steadyLoad(to, () => done)
      await withTracker(settingsFor(folder, to.port, workers), async (tracker) => {
        const { code, stderr } = await old.waitForEnd()
        expect(code).toBe(0)
        expect(stderr).toContain('another process is taking over')
        expect(tracker.stderr).toContain('restored 50 peers')
        const { body } = await askOnce(to, announceTarget({ port: 1001 }))
        expect(readDictionary(body)).toMatchObject({ incomplete: 49 })
        done = true
        const { sent, lost } = await load
        expect(sent).toBeGreaterThan(100)
        expect(lost / sent).toBeLessThan(LOST_SHARE_MAX)
      })
    }),
  ),
)
