import { beforeAll, describe, expect, test } from 'bun:test'
import { hostPort } from '../../support/tracker.ts'
import { WANTED } from '../swarms.ts'
import { type Finished, runUntil } from '../tester.ts'
import { expectMissing, expectRight, expectWrong } from '../verdicts.ts'
import { FAULTS } from './faults.ts'
import { runLoadTest } from './load-test.ts'
import { type Answer, type Fault, SmallTracker } from './small-tracker.ts'

const NAMES = Object.keys(FAULTS)

function settings(server: string): string {
  return `server_address = '${server}'
[closed_loop]
connections = 16
[requests]
number_of_torrents = 40
number_of_peers = 4000
torrent_gamma_shape = 1
announce_peers_wanted = ${WANTED}
weight_announce = 80
weight_scrape = 10
response_timeout_milliseconds = 500
`
}

interface Against {
  readonly host?: string
  readonly more?: string
}

/** Until Ctrl-C, which comes once the tracker has been wrong often enough, or right. */
async function runAgainst(fault: Fault, { host = '127.0.0.1', more = '' }: Against = {}) {
  const tracker = SmallTracker.open(fault, { hostname: host })
  const isRight = Object.keys(fault).length === 0
  const isEnough = () => (isRight ? tracker.answers > 3000 : tracker.faults > 50)
  try {
    const text = `${settings(hostPort(host, tracker.port))}${more}`
    return await runUntil(runLoadTest, text, isEnough)
  } finally {
    tracker.close()
  }
}

const KEPT = '[network]\nkeep_alive_share = 1\nrequests_per_connection = 50\n'

describe('a tracker that is right', () => {
  test.each([
    ['on IPv4, with a connection each', {}],
    ['on IPv6', { host: '::1' }],
    ['on kept connections', { more: KEPT }],
    ['with four requests under way on each', { more: `${KEPT}pipelining = 4\n` }],
  ])(
    '%s, has no wrong answer',
    async (_, against) => {
      expectRight(await runAgainst({}, against), 'head')
    },
    180_000,
  )
})

describe('a tracker that sends its answers in pieces', () => {
  const fault: Fault = {
    every: 1,
    answer: (answer) => {
      answer.part = 'pieces'
    },
  }
  test.each([
    ['on a connection each', ''],
    ['on kept connections, pipelined', `${KEPT}pipelining = 3\n`],
  ])(
    '%s, is right',
    async (_, more) => {
      const { code, json } = await runAgainst(fault, { more })
      expect(json.wrong_answers, JSON.stringify(json.wrong)).toBe(0)
      expect(json.missing).toEqual({})
      expect(json.summary.counts.retried).toBe(0)
      expect(code).toBe(0)
    },
    180_000,
  )
})

/** What a tracker does not answer. */
const OMISSIONS: readonly (readonly [what: string, kind: string, fault: Fault])[] = [
  ['scrapes at all', 'scrape', { every: 1, answer: omit('scrape', 1, false) }],
  [
    'each third scrape, whose connection it closes',
    'scrape',
    { every: 1, answer: omit('scrape', 3, true) },
  ],
  [
    'each third announce, whose connection it closes',
    'announce',
    { every: 1, answer: omit('announce', 3, true) },
  ],
]

function omit(kind: Answer['kind'], each: number, cut: boolean): (answer: Answer) => void {
  let number = 0
  return (answer) => {
    if (answer.kind !== kind || number++ % each !== 0) return
    answer.part = 'none'
    answer.closes = cut
  }
}

describe('a tracker that does not answer', () => {
  test.each(OMISSIONS)(
    '%s is caught',
    async (_, kind, fault) => {
      expectMissing(await runAgainst(fault), kind)
    },
    180_000,
  )
})

describe('a tracker with a fault is caught', () => {
  const results = new Map<string, Finished>()
  beforeAll(async () => {
    // A few at a time: each is a process with a thread beside the main one.
    const rest = [...NAMES]
    const runSome = async () => {
      for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
        results.set(name, await runAgainst(FAULTS[name].fault))
      }
    }
    await Promise.all(Array.from({ length: 4 }, runSome))
  }, 180_000)

  test.each(NAMES)('%s', (name) => {
    expectWrong(results.get(name) as Finished, FAULTS[name].counted)
  })
})

test.each([
  ['half an answer', 'cut', { part: 'half', cut: true }],
  [
    'more than an answer',
    'head',
    { after: Buffer.from('more than was asked for, and no HTTP either\r\n') },
  ],
] as const)(
  '%s is caught on a kept connection, too',
  async (_, counted, change) => {
    const fault: Fault = { answer: (answer) => Object.assign(answer, change) }
    const { code, json } = await runAgainst(fault, { more: `${KEPT}pipelining = 2\n` })
    expect(json.wrong[counted], JSON.stringify(json.wrong)).toBeGreaterThan(0)
    expect(code).toBe(3)
  },
  180_000,
)
