import { beforeAll, describe, test } from 'bun:test'
import { hostPort } from '../../support/tracker.ts'
import { PEER_FAULTS, WANTED } from '../swarms.ts'
import { type Finished, runUntil } from '../tester.ts'
import { expectMissing, expectRight, expectWrong } from '../verdicts.ts'
import { runLoadTest } from './load-test.ts'
import { type Answer, type Fault, SmallTracker } from './small-tracker.ts'

/** One thing that a tracker does wrong now and then, and as what it must be counted. */
const FAULTS: Readonly<Record<string, { counted: string; fault: Fault }>> = {
  'another transaction id': {
    counted: 'transaction',
    fault: { answer: ({ packet }) => packet.writeUInt32BE((packet.readUInt32BE(4) + 1) >>> 0, 4) },
  },
  'an answer that comes twice': {
    counted: 'repeated_answer',
    fault: {
      answer: (answer) => {
        answer.copies = 2
      },
    },
  },
  'a scrape answer to an announce': {
    counted: 'kind',
    fault: { answer: only('announce', (answer) => answer.packet.writeUInt32BE(2, 0)) },
  },
  'an announce answer of IPv6 peers on IPv4, cut in the middle of one': {
    counted: 'length',
    fault: { answer: only('announce', append(Buffer.alloc(16, 1))) },
  },
  'a connect answer with a byte more': {
    counted: 'length',
    fault: { answer: only('connect', append(Buffer.alloc(1))) },
  },
  'a scrape answer with an entry more': {
    counted: 'length',
    fault: { every: 1, answer: only('scrape', append(Buffer.alloc(12))) },
  },
  'an answer of four bytes': {
    counted: 'length',
    fault: {
      answer: (answer) => {
        answer.packet = answer.packet.subarray(0, 4)
      },
    },
  },
  ...PEER_FAULTS,
  'an empty scrape': {
    counted: 'count_low',
    fault: { every: 1, answer: only('scrape', ({ packet }) => packet.fill(0, 8)) },
  },
  'a scrape of other torrents': {
    counted: 'count_high',
    fault: {
      every: 1,
      answer: only('scrape', (answer) => {
        const { packet } = answer
        const entries = packet.subarray(8)
        // The first entry's counts stand in every entry.
        for (let at = 12; at < entries.length; at += 12) entries.copy(entries, at, 0, 12)
      }),
    },
  },
}

const NAMES = Object.keys(FAULTS)

/** What a tracker does not answer. */
const OMISSIONS: readonly (readonly [what: string, kind: string, fault: Fault])[] = [
  ['scrapes at all', 'scrape', { every: 1, answer: only('scrape', drop) }],
  ['each second scrape', 'scrape', { every: 1, answer: only('scrape', dropSome) }],
  ['most announces', 'announce', { every: 1, answer: only('announce', dropSome) }],
]

function drop(answer: Answer): void {
  answer.copies = 0
}

/** By the transaction id, which is random. */
function dropSome(answer: Answer): void {
  if (answer.packet.readUInt8(7) % 2 === 0) drop(answer)
}

function only(kind: Answer['kind'], change: (answer: Answer) => void): (answer: Answer) => void {
  return (answer) => {
    if (answer.kind === kind) change(answer)
  }
}

function append(bytes: Buffer): (answer: Answer) => void {
  return (answer) => {
    answer.packet = Buffer.concat([answer.packet, bytes])
  }
}

function settings(server: string): string {
  return `server_address = '${server}'
[network]
sockets_per_worker = 2
[closed_loop]
in_flight = 16
[requests]
number_of_torrents = 40
number_of_peers = 4000
torrent_gamma_shape = 1
announce_peers_wanted = ${WANTED}
weight_connect = 10
weight_announce = 80
weight_scrape = 10
`
}

/** Until Ctrl-C, which comes once the tracker has been wrong often enough, or right. */
async function runAgainst(fault: Fault, host = '127.0.0.1'): Promise<Finished> {
  const tracker = await SmallTracker.open(fault, host)
  const isRight = Object.keys(fault).length === 0
  const isEnough = () => (isRight ? tracker.answers > 5000 : tracker.faults > 50)
  try {
    const server = hostPort(host, tracker.port)
    return await runUntil(runLoadTest, settings(server), isEnough)
  } finally {
    tracker.close()
  }
}

describe('a tracker that is right', () => {
  test.each(['127.0.0.1', '::1'])(
    'on %s has no wrong answer',
    async (host) => {
      expectRight(await runAgainst({}, host), 'transaction')
    },
    180_000,
  )
})

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
    await Promise.all(
      NAMES.map(async (name) => results.set(name, await runAgainst(FAULTS[name].fault))),
    )
  }, 180_000)

  test.each(NAMES)('%s', (name) => {
    expectWrong(results.get(name) as Finished, FAULTS[name].counted)
  })
})
