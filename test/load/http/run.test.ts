import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Certificates } from '../../support/certificates.ts'
import { waitUntil } from '../../support/wait.ts'
import { expectScheduled, runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'
import { type Fault, SmallTracker, type SmallTrackerOptions } from './small-tracker.ts'

interface With extends SmallTrackerOptions {
  readonly fault?: Fault
  /** Of valid requests, and of others. */
  readonly answers?: number
  readonly others?: number
}

/** Runs until the tracker has answered so often, or to the end of the settings' duration. */
async function runWith(settings: string, { fault = {}, answers, others, ...options }: With) {
  const tracker = SmallTracker.open(fault, options)
  try {
    const text = `server_address = '127.0.0.1:${tracker.port}'\n${settings}`
    const isEnough = () =>
      tracker.answers - tracker.others > (answers ?? -1) && tracker.others > (others ?? -1)
    const isTimed = answers === undefined && others === undefined
    const finished = await (isTimed ? runLoadTest(text) : runUntil(runLoadTest, text, isEnough))
    return { ...finished, tracker, counts: finished.json?.summary.counts }
  } finally {
    tracker.close()
  }
}

describe('connections', () => {
  test('are used once without a share to keep', async () => {
    const { counts, tracker, code } = await runWith(SMALL, { answers: 500 })
    const sent = counts.sent_announce + counts.sent_scrape
    expect(code).toBe(0)
    expect(counts.connections_opened).toBe(sent)
    expect(counts.sent_on_kept).toBe(0)
    // One more has asked whether anybody is there.
    expect(tracker.connections).toBe(sent + 1)
    for (const head of tracker.requests) expect(head).toContain('\r\nConnection: close')
  }, 180_000)

  test('that are kept take so many requests, the last of which says so', async () => {
    const settings = `${SMALL}\n[network]\nkeep_alive_share = 1\nrequests_per_connection = 10\n`
    const { counts, tracker, code } = await runWith(settings, { answers: 2000 })
    const sent = counts.sent_announce + counts.sent_scrape
    expect(code).toBe(0)
    expect(counts.retried).toBe(0)
    const perConnection = sent / counts.connections_opened
    expect(perConnection).toBeGreaterThan(8)
    expect(perConnection).toBeLessThanOrEqual(10)
    const closing = tracker.requests.filter((head) => head.includes('Connection: close'))
    expect(closing.length / tracker.requests.length).toBeCloseTo(0.1, 1)
  }, 180_000)

  test('are kept in the share that is asked for', async () => {
    const settings = `${SMALL}\n[network]\nkeep_alive_share = 0.5\nrequests_per_connection = 3\n`
    const { counts } = await runWith(settings, { answers: 3000 })
    // Half of them have one request, the others three.
    const sent = counts.sent_announce + counts.sent_scrape
    expect(sent / counts.connections_opened).toBeGreaterThan(1.7)
    expect(sent / counts.connections_opened).toBeLessThan(2.3)
  }, 180_000)

  test('that a tracker closes although they are to be kept lose nothing', async () => {
    const settings = `${SMALL}\n[network]\nkeep_alive_share = 1\npipelining = 3\n`
    const { counts, json, code } = await runWith(settings, {
      fault: { neverKeeps: true },
      answers: 1000,
    })
    expect(counts.retried).toBeGreaterThan(100)
    expect(counts.lost).toBe(0)
    expect(counts.answered_announce).toBe(counts.sent_announce)
    expect(counts.answered_scrape).toBe(counts.sent_scrape)
    expect(json.wrong_answers).toBe(0)
    expect(code).toBe(0)
  }, 180_000)
})

test('requests are what clients send', async () => {
  const settings = `${SMALL}weight_scrape = 50\n[network]\npath = '/KEY/announce?passkey=1'\n`
  // The small tracker does not know this path, but answers all the same.
  const { tracker } = await runWith(settings, { others: 300 })
  const hash = '(%[0-9A-F]{2}|%[0-9a-f]{2}|[-\\w.~])+'
  const announce = new RegExp(
    `^GET /KEY/announce\\?passkey=1&info_hash=${hash}&peer_id=-AQ0001-[0-9a-f]{12}&port=[1-9]\\d{0,4}` +
      '&uploaded=0&downloaded=0&left=\\d+&corrupt=0&key=[0-9A-F]{8}&numwant=50&compact=1&no_peer_id=1' +
      '(&event=started)? HTTP/1\\.1$',
  )
  const scrape = new RegExp(`^GET /KEY/scrape\\?passkey=1(&info_hash=${hash}){1,10} HTTP/1\\.1$`)
  const lines = tracker.requests.slice(1).map((head) => head.split('\r\n')[0])
  const announces = lines.filter((line) => announce.test(line))
  const scrapes = lines.filter((line) => scrape.test(line))
  expect(announces.length + scrapes.length).toBe(lines.length)
  expect(announces.length).toBeGreaterThan(50)
  expect(scrapes.length).toBeGreaterThan(50)
}, 180_000)

describe('the schedule of the open loop', () => {
  const open = (rate: number, more = '') =>
    `mode = 'open'\n${SMALL}${more}[open_loop]\nrate = ${rate}\n`

  test('is kept', async () => {
    const finished = await runWith(`duration = 2\n${open(500)}`, {})
    const { counts, json, code } = finished
    expect(code).toBe(0)
    expectScheduled(counts.sent_announce + counts.sent_scrape, 500 * json.summary.seconds, finished)
    expect(json.wrong_answers).toBe(0)
  }, 180_000)

  test('is what latency counts from, while a tracker stands still', async () => {
    // Once, for half a second: everything that became due meanwhile is late.
    const fault: Fault = {
      every: 1,
      answer: () => {
        if (stood) return
        stood = true
        const endMs = performance.now() + 500
        while (performance.now() < endMs);
      },
    }
    let stood = false
    const { json, counts } = await runWith(open(100), { fault, answers: 200 })
    expect(counts.lost).toBe(0)
    const { p50, p90, max } = json.summary.latency_ms.all
    expect(max).toBeGreaterThan(480)
    // Of 200 requests 50 became due meanwhile, so more than a tenth waited for long, and most did not.
    expect(p90).toBeGreaterThan(150)
    expect(p50).toBeLessThan(250)
  }, 180_000)

  test('holds back what finds no connection in time, and that is lost', async () => {
    const fault: Fault = {
      every: 1,
      fromStart: true,
      answer: (answer) => {
        answer.delayMs = 100
      },
    }
    // Two connections with 100 ms each answer 20 requests a second.
    const settings = `duration = 2\n${open(200, 'response_timeout_milliseconds = 300\n')}connections_max = 2\n`
    const { counts, json, code } = await runWith(settings, { fault })
    expect(counts.held_back).toBeGreaterThan(100)
    expect(json.summary.lost_share).toBeGreaterThan(0.6)
    expect(code).toBe(3)
  }, 180_000)
})

describe('HTTPS', () => {
  const certificates = new Certificates()
  let tls: { cert: string; key: string }
  beforeAll(() => {
    certificates.make('tracker', 'ec')
    tls = { cert: certificates.read('tracker.pem'), key: certificates.read('tracker-key.pem') }
  })
  afterAll(() => certificates.remove())

  test.each([
    ['with a full handshake each', false],
    ['with sessions resumed', true],
  ])(
    '%s',
    async (_, resumes) => {
      const settings = `workers = 2\n${SMALL}\n[network]\nuse_tls = true\ntls_resumption = ${resumes}\n`
      const { counts, json, code } = await runWith(settings, { tls, answers: 600 })
      expect(code).toBe(0)
      expect(json.wrong_answers).toBe(0)
      expect(counts.answered_announce).toBeGreaterThan(500)
      if (resumes) expect(counts.sessions_resumed).toBeGreaterThan(counts.connections_opened / 2)
      else expect(counts.sessions_resumed).toBe(0)
    },
    180_000,
  )

  test('on kept connections, pipelined, and on a schedule', async () => {
    const settings = `mode = 'open'\n${SMALL}\n[open_loop]\nrate = 400\n[network]\nuse_tls = true
keep_alive_share = 1\npipelining = 4\n`
    const finished = await runWith(`duration = 2\n${settings}`, { tls })
    const { counts, json, code } = finished
    expect(code).toBe(0)
    expect(json.wrong_answers).toBe(0)
    expectScheduled(counts.sent_announce + counts.sent_scrape, 400 * json.summary.seconds, finished)
    expect(counts.sent_on_kept).toBeGreaterThan(counts.connections_opened)
  }, 180_000)

  test.each([
    [true, false],
    [false, true],
  ])(
    'a tracker with TLS %p that is asked with %p is refused with a hint',
    async (has, asks) => {
      const settings = `[network]\nuse_tls = ${asks}\n[tracker]\nstart_timeout = 5\n`
      const { code, stderr } = await runWith(settings, has ? { tls } : {})
      expect(stderr).toContain(`set [network] use_tls = ${has}`)
      expect(code).toBe(1)
    },
    180_000,
  )
})

describe('a flood', () => {
  const flood = (kind: string) =>
    `mode = 'flood'\n${SMALL}\n[flood]\nflood_kind = '${kind}'\nflood_rate = 500\n`

  test.each(['bad_requests', 'mixed'])(
    'of %s that is refused is not wrong',
    async (kind) => {
      const answers = kind === 'mixed' ? { answers: 10 } : {}
      const against = { others: 150, ...answers }
      const { counts, json, code, stdout } = await runWith(flood(kind), against)
      expect(code).toBe(0)
      expect(counts.flood_sent).toBeGreaterThan(100)
      expect(counts.flood_answers).toBeGreaterThan(50)
      expect(counts.answered_announce > 0).toBe(kind === 'mixed')
      expect(json.wrong_answers).toBe(0)
      expect(stdout).toContain('flood, per second')
    },
    180_000,
  )

  test('that is served counts as wrong', async () => {
    const fault: Fault = { servesAnything: true }
    const { json, code } = await runWith(flood('bad_requests'), { fault, others: 100 })
    expect(json.wrong.flood_answer).toBeGreaterThan(20)
    expect(code).toBe(3)
  }, 180_000)
})

describe('a run that cannot go on tells why, exit code 1', () => {
  test('when nothing listens', async () => {
    const tracker = SmallTracker.open({})
    const { port } = tracker
    tracker.close()
    const settings = `server_address = '127.0.0.1:${port}'\n[tracker]\nstart_timeout = 1\n`
    const { code, stderr, stdout } = await runLoadTest(settings)
    expect(stderr).toContain(`cannot reach the tracker at http://127.0.0.1:${port}/announce`)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  }, 180_000)

  test('when what listens does not speak HTTP', async () => {
    const fault: Fault = {
      every: 1,
      answer: (answer) => {
        answer.status = 'x'
      },
    }
    const settings = '[tracker]\nstart_timeout = 1\n'
    const { code, stderr } = await runWith(settings, { fault: { ...fault, fromStart: true } })
    expect(stderr).toContain('what it says is not HTTP')
    expect(code).toBe(1)
  }, 180_000)

  test('when settings contradict each other, all of them at once', async () => {
    const { code, stderr } = await runLoadTest(`server_address = '10.1.2.3:80'
mode = 'flood'
[network]
path = '/nowhere'
pipelining = 2
tls_resumption = true
[requests]
weight_announce = 0
weight_scrape = 0
`)
    expect(code).toBe(1)
    for (const text of [
      'has no «announce» in its path',
      'pipelining = 2 changes nothing',
      'tls_resumption = true changes nothing',
      'both weights are 0',
      "mode 'flood' is for loopback",
    ]) {
      expect(stderr).toContain(text)
    }
  })

  test('when the tracker ends', async () => {
    const tracker = SmallTracker.open({})
    const settings = `server_address = '127.0.0.1:${tracker.port}'\nduration = 30\n${SMALL}
response_timeout_milliseconds = 200\n`
    const { code, stderr } = await runLoadTest(settings, [], async () => {
      await waitUntil('answers', () => tracker.answers > 100)
      tracker.close()
    })
    expect(stderr).toContain('the tracker has ended or cannot be reached')
    expect(code).toBe(1)
  }, 180_000)
})
