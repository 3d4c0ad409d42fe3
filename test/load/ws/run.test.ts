import { afterAll, describe, expect, test } from 'bun:test'
import { Certificates } from '../../support/certificates.ts'
import { metricSum, UNDER_LOAD } from '../../support/metrics.ts'
import { listenOn, type Tracker, WS_EXECUTABLE, withTracker } from '../../support/tracker.ts'
import { waitUntil } from '../../support/wait.ts'
import { expectScheduled, runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'
import { SmallTracker } from './small-tracker.ts'

const files = new Certificates()
files.make('ec', 'ec')
afterAll(() => files.remove())

const TLS = `use_tls = true\ntls_certificate_path = '${files.path('ec.pem')}'
  tls_private_key_path = '${files.path('ec-key.pem')}'\n`
/** For the responses that a busy machine is slow to give. */
const PATIENT = 'response_timeout_milliseconds = 20000\n'

const opened = (tracker: Tracker) => metricSum(tracker, 'tracker_ws_connections_opened_total')
const responses = (tracker: Tracker, type: string) =>
  metricSum(tracker, `tracker_ws_responses_total{type="${type}"`)

describe('against our tracker', () => {
  test.each([
    ['IPv4', '127.0.0.1:0', 1],
    ['IPv6', '[::1]:0', 2],
  ])(
    'over %s, nothing is wrong and nothing lost uncounted (%s, %p socket workers)',
    async (_, address, socketWorkers) => {
      const own = `socket_workers = ${socketWorkers}\n${listenOn(address)}${UNDER_LOAD}`
      await withTracker({ executable: WS_EXECUTABLE, settings: own }, async (tracker) => {
        const settings = `server_address = '${tracker.address()}'\nworkers = 2\n${SMALL}${PATIENT}`
        // One connection only asked whether there is a tracker.
        const isEnough = async () =>
          (await opened(tracker)) > 64 &&
          (await responses(tracker, 'announce')) > 300 &&
          (await responses(tracker, 'scrape')) > 40
        const pid = ['--pid', `${tracker.pid}`]
        const finished = await runUntil(runLoadTest, settings, isEnough, pid)
        const { code, stdout, stderr, json, html } = finished
        expect(stderr).not.toContain('wrong')
        expect(code).toBe(0)
        expect(stdout).toContain('announce → offer delivered')
        expect(html).toContain('Offers delivered per announce')
        expect(json.wrong_messages).toBe(0)
        const { counts, latency_ms, connections } = json.summary
        expect(connections).toBe(64)
        expect(counts.received_announce).toBeGreaterThan(200)
        expect(counts.received_scrape).toBeGreaterThan(20)
        expect(counts.received_offer).toBeGreaterThan(counts.received_announce)
        // A worker that gets no core for a while may make the other drop some; it counts them.
        const lost = counts.sent_answer - counts.received_answer
        if (lost > 0) {
          const told = async () => lost === (await answersDropped(tracker))
          await waitUntil(`the tracker tells of ${lost} answers that it dropped`, told)
        }
        if (socketWorkers === 1) expect(lost).toBe(0)
        expect(counts.lost).toBe(0)
        expect(latency_ms.offer.p50).toBeGreaterThan(0)
        expect(json.summary.tracker.open_files).toBeGreaterThan(64)
      })
    },
    180_000,
  )

  test('over TLS, at a fixed rate, the schedule is kept', async () => {
    const own = `${listenOn('127.0.0.1:0')}${TLS}${UNDER_LOAD}`
    await withTracker({ executable: WS_EXECUTABLE, settings: own }, async (tracker) => {
      // Few offers: of more that come at once, after a pause, the tracker may leave some out.
      const settings = `server_address = '${tracker.address()}'\nmode = 'open'
          [network]\nuse_tls = true\nconnections = 20\n[open_loop]\nrate = 200
          ${SMALL}${PATIENT}offers_per_announce = 2\n`
      const isEnough = async () => (await responses(tracker, 'announce')) > 250
      const finished = await runUntil(runLoadTest, settings, isEnough)
      const { code, json } = finished
      expect(json.wrong_messages).toBe(0)
      expect(code).toBe(0)
      const { counts, seconds } = json.summary
      // What is due before the first connection is open is held back.
      const due = counts.sent_announce + counts.sent_scrape + counts.held_back
      expectScheduled(due, 200 * seconds, finished)
      expect(counts.received_announce + counts.received_scrape).toBeGreaterThan(200)
    })
  }, 180_000)

  test('connections open at no more than the rate that was asked for', async () => {
    const own = `${listenOn('127.0.0.1:0')}${UNDER_LOAD}`
    await withTracker({ executable: WS_EXECUTABLE, settings: own }, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'
        [network]\nconnections = 1000\nconnection_rate = 100\n${SMALL}`
      const isEnough = async () => (await opened(tracker)) > 100
      const { json } = await runUntil(runLoadTest, settings, isEnough)
      expect(json.wrong_messages).toBe(0)
      // A busy machine is late, and then some open at once; never are there more than were due.
      expect(json.summary.connections).toBeGreaterThan(50)
      expect(json.summary.connections).toBeLessThan(120 * json.summary.seconds + 30)
    })
  }, 180_000)
})

test('a tracker that is gone for ten seconds ends the run, with its summary, exit code 1', async () => {
  const tracker = new SmallTracker(null)
  const { code, stdout, stderr, json } = await runLoadTest(
    `${tracker.settings}[network]\nconnections = 8\n${SMALL}`,
    [],
    async () => {
      // The first one only checks whether there is a tracker.
      await waitUntil('clients are there', () => tracker.sockets.size > 4)
      await tracker.stop()
    },
  )
  const why = 'no answer for 10 s: the tracker has ended or cannot be reached'
  expect(stderr).toEndWith(`aquatic_ws_load_test: ${why}\n`)
  expect(code).toBe(1)
  expect(stdout).toContain('announce → offer delivered')
  expect(json.failure).toBe(why)
}, 180_000)

describe('a run that cannot begin tells why, exit code 1', () => {
  test('if the server is not a WebSocket server', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hello') })
    const settings = `server_address = '127.0.0.1:${server.port}'\n[tracker]\nstart_timeout = 1\n`
    const { code, stderr } = await runLoadTest(settings)
    await server.stop(true)
    expect(stderr).toContain('the handshake was answered with «HTTP/1.1 200 OK»')
    expect(code).toBe(1)
  }, 180_000)

  test.each([
    ['ws, not wss', false],
    ['wss, not ws', true],
  ])(
    'when the tracker speaks %s',
    async (_, tls) => {
      const own = `${listenOn('127.0.0.1:0')}${tls ? TLS : ''}`
      await withTracker({ executable: WS_EXECUTABLE, settings: own }, async (tracker) => {
        const { code, stderr } = await runLoadTest(
          `server_address = '${tracker.address()}'\n[network]\nuse_tls = ${!tls}\n`,
        )
        const answers = `but at ${tls ? 'wss' : 'ws'}://${tracker.address()}/: set [network] use_tls = ${tls}\n`
        expect(stderr).toEndWith(answers)
        expect(code).toBe(1)
      })
    },
    180_000,
  )

  test('when settings are wrong, all of them at once', async () => {
    const { code, stderr } = await runLoadTest(`mode = 'flood'
[network]
path = 'announce'
connections = 0
[requests]
weight_announce = 0
weight_scrape = 0
`)
    expect(code).toBe(1)
    expect(stderr).toContain('4 mistakes in the settings')
    expect(stderr).toContain('both weights are 0')
    expect(stderr).toContain('is not a URL path')
  })
})

async function answersDropped(tracker: Tracker): Promise<number> {
  return metricSum(tracker, 'tracker_ws_dropped_between_workers_total{type="answer"}')
}
