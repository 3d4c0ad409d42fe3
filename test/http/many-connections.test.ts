// Connections to an HTTP tracker by the thousand, at once and one after the other: what they cost in memory, and that
// nothing is left of them.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { announceTarget, askOnce, requestText } from '../support/http-client.ts'
import { ManyConnections } from '../support/many-connections.ts'
import { HTTP_EXECUTABLE, listenOn, type Tracker, withTracker } from '../support/tracker.ts'
import { expectQuick, waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

/** A minute by hand: AQUATIC_CHURN_SECONDS=60. */
const CHURN_SECONDS = Number(process.env.AQUATIC_CHURN_SECONDS ?? 4)
const CHURN_PER_SECOND = 2000
/** As many as the limit on open files allows, up to 20,000. */
const IDLE = Math.max(10, Math.min(20_000, openFiles() - 1000))
const IDLE_BYTES_MAX = 2500
const GROWTH_BYTES_MAX = 4 * 2 ** 20
const KEPT = requestText('/health')
const CLOSED = requestText('/health', 'Connection: close\r\n')

function openFiles(): number {
  const [, limit] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return Number(limit)
}

function withHttp(use: (tracker: Tracker) => Promise<void>) {
  const settings =
    `${listenOn('127.0.0.1:0', '127.0.0.2:0', '127.0.0.3:0', '127.0.0.4:0')}\n[operations]\naddress = '127.0.0.1:0'\n` +
    `[cleaning]\nmax_connection_idle = 600\n` +
    `[limits]\nmax_torrents = 1000\nmax_peers = 10000\nmax_connections = ${IDLE + 100}\n` +
    'max_connections_per_ip = 0\n'
  return withTracker({ executable: HTTP_EXECUTABLE, settings }, use)
}

/** Anonymous memory of the tracker, in bytes. */
function residentBytes({ pid }: Tracker): number {
  const [, kilobytes] =
    /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

async function metrics(tracker: Tracker): Promise<(name: string) => number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const lines = text.split('\n').map((line) => line.split(' '))
  return (name) => Number(lines.find(([key]) => key === name)?.[1])
}

async function waitForNoConnections(tracker: Tracker): Promise<void> {
  await waitUntil('no connection is left', async () => {
    return (await metrics(tracker))('tracker_http_connections') === 0
  })
  expect((await askOnce(tracker.at(), '/health')).status).toBe(200)
}

test(`${IDLE} idle connections cost little, hold nobody up, and leave nothing`, () =>
  withHttp(async (tracker) => {
    const many = new ManyConnections(tracker.endpoints)
    try {
      expect((await askOnce(tracker.at(), announceTarget())).status).toBe(200)
      const before = residentBytes(tracker)
      while (many.fds.length < IDLE) {
        const some = Array.from({ length: Math.min(500, IDLE - many.fds.length) }, () =>
          many.open(),
        )
        for (const fd of some) many.send(fd, KEPT)
        const unanswered = some.filter((fd) => !many.receive(fd).startsWith('HTTP/1.1 200 '))
        expect(unanswered).toEqual([])
      }
      const each = (residentBytes(tracker) - before) / IDLE
      console.log(`${Math.round(each)} bytes for each of ${IDLE} idle connections`)
      expect(each).toBeLessThan(IDLE_BYTES_MAX)
      await waitUntil('all are counted', async () => {
        return (await metrics(tracker))('tracker_http_connections') >= IDLE
      })
      await expectQuick(1500, async () => {
        expect((await askOnce(tracker.at(), announceTarget())).status).toBe(200)
      })
      // The first and the last are still served.
      for (const fd of [many.fds[0], many.fds[IDLE - 1]]) {
        many.send(fd, KEPT)
        expect(many.receive(fd)).toStartWith('HTTP/1.1 200 ')
      }
    } finally {
      many.closeAll()
    }
    await waitForNoConnections(tracker)
  }))

test(`${CHURN_PER_SECOND} connections a second for ${CHURN_SECONDS} s take no more memory at the end`, () =>
  withHttp(async (tracker) => {
    const many = new ManyConnections(tracker.endpoints)
    let served = 0
    const churn = async (seconds: number) => {
      const begin = performance.now()
      const first = served
      while (performance.now() - begin < seconds * 1000) {
        const due = ((performance.now() - begin) / 1000) * CHURN_PER_SECOND
        if (served - first > due) await new Promise(setImmediate)
        else {
          const fd = many.open()
          many.send(fd, served % 2 === 0 ? CLOSED : KEPT)
          if (!many.receive(fd).startsWith('HTTP/1.1 200 ')) throw new Error('no answer')
          many.close(fd)
          served++
        }
      }
    }
    await churn(3)
    const before = residentBytes(tracker)
    await churn(CHURN_SECONDS)
    const growth = residentBytes(tracker) - before
    console.log(`${served} connections, ${growth} bytes more`)
    expect(growth).toBeLessThan(GROWTH_BYTES_MAX)
    // A slow machine makes fewer, but not hardly any.
    expect(served).toBeGreaterThan((CHURN_SECONDS + 3) * 200)
    await waitForNoConnections(tracker)
    await waitUntil('all are counted', async () => {
      return (await metrics(tracker))('tracker_http_accepted_total') >= served
    })
  }))
