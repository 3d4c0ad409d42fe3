// Runs the load tester against trackers that do one thing wrong.
import { describe, expect, test } from 'bun:test'
import type { ServerWebSocket } from 'bun'
import { type Finished, runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'
import {
  type Fault,
  type Json,
  type Kind,
  type Out,
  type Peer,
  SmallTracker,
} from './small-tracker.ts'

const EVERY = 10
/** Of messages that a fault has changed: some of them may be on their way at the end. */
const ENOUGH = 40
/** At first there is nobody who certainly could have had them. */
const ENOUGH_OFFERS = 1000
/** More runs at once than this would only slow each other down. */
const AT_ONCE = 4

/** One thing that a tracker does wrong now and then, and as what it must be counted. */
const FAULTS: readonly (readonly [what: string, counted: string, Fault])[] = [
  ['no JSON', 'json', on('announce', (out) => cut(out))],
  [
    'an action that nobody knows',
    'kind',
    on('announce', ({ message }) => set(message, 'action', 'x')),
  ],
  ['a response to nobody', 'unasked', on('announce', sendTwice)],
  ['no interval', 'fields', on('announce', ({ message }) => void delete message.interval)],
  ['a count in quotes', 'fields', on('announce', ({ message }) => set(message, 'complete', '1'))],
  [
    'a seeder too many',
    'count_high',
    on('announce', ({ message }) => set(message, 'complete', 999)),
  ],
  ['nobody there', 'count_low', on('announce', ({ message }) => set(message, 'complete', 0))],
  ['a leecher too many in a scrape', 'count_high', on('scrape', ({ message }) => tooMany(message))],
  [
    'no torrent in a scrape',
    'scrape_torrents',
    on('scrape', ({ message }) => set(message, 'files', {})),
  ],
  [
    'null for a torrent in a scrape',
    'fields',
    on('scrape', ({ message }) => {
      for (const hash of Object.keys(message.files)) message.files[hash] = null
    }),
  ],
  [
    'null for the torrents of a scrape',
    'fields',
    on('scrape', ({ message }) => set(message, 'files', null)),
  ],
  [
    'null for a scrape',
    'json',
    on('scrape', (out) => {
      out.text = 'null'
    }),
  ],
  ['null for an offer', 'offer_changed', on('offer', ({ message }) => set(message, 'offer', null))],
  [
    'null for an answer',
    'answer_changed',
    on('answer', ({ message }) => set(message, 'answer', null)),
  ],
  ['a changed character', 'offer_changed', on('offer', ({ message }) => change(message.offer))],
  ['a description cut off', 'offer_changed', on('offer', ({ message }) => shorten(message.offer))],
  [
    'an answer for an offer',
    'offer_changed',
    on('offer', ({ message }) => set(message.offer, 'type', 'answer')),
  ],
  [
    'another offer id',
    'offer_changed',
    on('offer', ({ message }) => set(message, 'offer_id', 'x'.repeat(20))),
  ],
  ['an offer to its sender', 'own_offer', on('offer', (out, tracker) => toSender(out, tracker))],
  ['an offer of another torrent', 'torrent', on('offer', (out) => otherTorrent(out))],
  [
    "an offer with the receiver's peer id",
    'offer_sender',
    on('offer', ({ message, to }) => set(message, 'peer_id', to.data.id)),
  ],
  ['an offer twice', 'offer_repeated', on('offer', sendTwice)],
  [
    'an offer to another peer, too',
    'offer_repeated',
    on('offer', (out, tracker) => alsoTo(out, tracker)),
  ],
  ['a changed answer', 'answer_changed', on('answer', ({ message }) => change(message.answer))],
  [
    "an answer with the receiver's peer id",
    'answer_sender',
    on('answer', ({ message, to }) => set(message, 'peer_id', to.data.id)),
  ],
  [
    'an answer to another peer',
    'answer_receiver',
    on('answer', (out, tracker) => toOther(out, tracker)),
  ],
  ['an answer twice', 'answer_repeated', on('answer', sendTwice)],
]

/** What a tracker does not send, all of it or each second one. */
const OMISSIONS: readonly (readonly [what: string, kind: string, Fault])[] = [
  ['no offer at all', 'offer', { kind: 'offer', every: 1, change: drop }],
  ['each second offer', 'offer', { kind: 'offer', every: 2, change: drop }],
  ['no answer at all', 'answer', { kind: 'answer', every: 1, change: drop }],
  ['each second answer', 'answer', { kind: 'answer', every: 2, change: drop }],
  ['no response to scrapes', 'scrape', { kind: 'scrape', every: 1, change: drop }],
  ['each second response to announces', 'announce', { kind: 'announce', every: 2, change: drop }],
]

function drop(out: Out): void {
  out.copies = 0
}

describe.concurrent('a tracker that sends now and then', () => {
  test.each(FAULTS)('%s is caught (%s)', async (_, counted, fault) => {
    const { tracker, run } = await runAgainst(fault, ({ changed }) => changed > ENOUGH)
    const { code, stdout, stderr, json } = run
    expect(stderr).toContain('wrong messages')
    expect(stdout).toContain('wrong messages')
    expect(code).toBe(3)
    expect(tracker.changed).toBeGreaterThan(0)
    // Nearly all: the last ones may be on their way at the end, and some faults do not show each time.
    expect(json.wrong[counted]).toBeGreaterThan(tracker.changed / 4)
  })

  test.each(OMISSIONS)('%s is caught', async (_, kind, fault) => {
    const enough = kind === 'offer' ? ENOUGH_OFFERS : ENOUGH
    const isEnough = ({ changed }: SmallTracker) => changed > enough
    const { run } = await runAgainst(fault, isEnough, 'response_timeout_milliseconds = 500\n')
    const { code, stdout, stderr, json, html } = run
    expect(json.wrong_messages, JSON.stringify(json.wrong)).toBe(0)
    expect(json.missing[kind], JSON.stringify(json.summary.counts)).toBeGreaterThan(9)
    expect(Object.keys(json.missing)).toEqual([kind])
    expect(stderr).toMatch(/\d+ of \d+ .* are missing/)
    expect(stdout).toStartWith('verdict: WRONG')
    expect(html).toContain('class="alarm"')
    expect(code).toBe(3)
  })

  test('may lack what the settings say', async () => {
    const [, , fault] = OMISSIONS[0]
    const isEnough = ({ changed }: SmallTracker) => changed > ENOUGH
    const { run } = await runAgainst(fault, isEnough, '[checks]\nmax_missing = 1\n')
    expect(run.json.missing).toEqual({})
    expect(run.code).toBe(0)
  })

  test('a response that comes after the next request is late, not wrong', async () => {
    const held = new Map<ServerWebSocket<Peer>, string>()
    const change = (out: Out) => {
      const before = held.get(out.to)
      if (before === undefined) {
        held.set(out.to, JSON.stringify(out.message))
        out.copies = 0
      } else {
        held.delete(out.to)
        out.to.send(before)
      }
    }
    // Those that are held at the end never come.
    const more = 'response_timeout_milliseconds = 500\n[checks]\nmax_missing = 1\n'
    const isEnough = ({ changed }: SmallTracker) => changed > 100
    const { run } = await runAgainst({ kind: 'scrape', every: 1, change }, isEnough, more)
    const { code, json } = run
    expect(json.wrong_messages, JSON.stringify(json.wrong)).toBe(0)
    expect(json.summary.counts.late).toBeGreaterThan(20)
    expect(code).toBe(0)
  })

  test('nothing wrong is not', async () => {
    const { run } = await runAgainst(null, ({ answers }) => answers > 200)
    const { code, json } = run
    expect(json.wrong_messages).toBe(0)
    expect(json.summary.counts.received_answer).toBeGreaterThan(100)
    expect(json.missing).toEqual({})
    expect(run.stdout).toContain('verdict: right')
    expect(code).toBe(0)
  })
})

const places: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve())
let next = 0

/** In one of a few places, behind the run that is there. Until Ctrl-C, which comes once there is enough. */
function runAgainst(
  fault: Fault | null,
  isEnough: (tracker: SmallTracker) => boolean,
  more = '',
): Promise<{ tracker: SmallTracker; run: Finished }> {
  const place = next++ % AT_ONCE
  const running = places[place].then(async () => {
    const tracker = new SmallTracker(fault)
    const run = await runUntil(runLoadTest, `${tracker.settings}${SMALL}${more}`, () =>
      isEnough(tracker),
    )
    await tracker.stop()
    return { tracker, run }
  })
  places[place] = running.catch(() => {})
  return running
}

function on(kind: Kind, change: Fault['change']): Fault {
  return { kind, every: EVERY, change }
}

function set(message: Json, key: string, value: unknown): void {
  message[key] = value
}

function sendTwice(out: Out): void {
  out.copies = 2
}

function cut(out: Out): void {
  out.text = JSON.stringify(out.message).slice(0, -1)
}

function change(description: { sdp: string }): void {
  description.sdp = `${description.sdp.slice(0, -20)}x${description.sdp.slice(-19)}`
}

function shorten(description: { sdp: string }): void {
  description.sdp = description.sdp.slice(0, -1)
}

function tooMany(message: Json): void {
  const [numbers] = Object.values<Json>(message.files)
  numbers.incomplete = 999
}

function toSender(out: Out, tracker: SmallTracker): void {
  out.to = socketOf(tracker, ({ data }) => data.id === out.message.peer_id) ?? out.to
}

/** The receiver is in both torrents, so that only the description tells. */
function otherTorrent(out: Out): void {
  out.message.info_hash = [...out.to.data.seeds.keys()].find(
    (hash) => hash !== out.message.info_hash,
  )
}

/** To somebody else of the swarm, beside the right one. */
function alsoTo(out: Out, tracker: SmallTracker): void {
  out.to.send(JSON.stringify(out.message))
  toOther(out, tracker)
}

function toOther(out: Out, tracker: SmallTracker): void {
  const { message, to } = out
  const other = socketOf(
    tracker,
    (socket) =>
      socket !== to &&
      socket.data.id !== message.peer_id &&
      socket.data.seeds.has(message.info_hash),
  )
  out.to = other ?? to
}

/** Undefined at the end of a run, when most have left. */
function socketOf(
  tracker: SmallTracker,
  isWanted: (socket: ServerWebSocket<Peer>) => boolean,
): ServerWebSocket<Peer> | undefined {
  return [...tracker.sockets].find(isWanted)
}
