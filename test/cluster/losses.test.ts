// Real trackers behind relays that lose, repeat, delay and change single messages: losses in any order, one direction that is dead,
// and a node that speaks another version for a while.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  BATCH_HEAD_WORDS,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  RECORD_KIND_MASK,
  RECORD_KIND_SHIFT,
} from '../../src/cluster/layout.ts'
import { metricSum } from '../support/metrics.ts'
import { type NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { randomWords } from '../support/random.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'
import { type Copy, type Message, MessageRelay, unchanged } from './message-relay.ts'
import { closing } from './relay.ts'

setDefaultTimeout(400_000)

const random = randomWords(Number(process.env.TEST_SEED ?? 11))
const NAMES = ['a', 'b', 'c']
const OTHERS = ['a', 'b']

/** A fleet of three, each node behind a relay of its own. */
function withRelayedFleet(
  use: (fleet: Fleet, relays: readonly MessageRelay[], server: NatsServer) => Promise<void>,
): Promise<void> {
  return withNats('', (server) =>
    closing(
      NAMES.map(() => new MessageRelay(server.port)),
      (...relays) =>
        Fleet.with(async (fleet) => {
          await fleet.startAll(NAMES, { servers: '' }, (name) => ({
            servers: relays[NAMES.indexOf(name)].address,
          }))
          await fleet.churn(NAMES, 40)
          await use(fleet, relays, server)
        }),
    ),
  )
}

/** Of 100 messages 10 are lost, 10 come twice, and 30 late, so that others overtake them. */
function unreliable({ payload }: Message): readonly Copy[] {
  const lot = random() % 100
  if (lot < 10) return []
  const delayMs = lot < 40 ? random() % 400 : 0
  const copy = { payload, delayMs }
  return lot < 20 ? [copy, { payload, delayMs: random() % 400 }] : [copy]
}

/** What another version might write, in place of a batch or a request. */
const OTHER_VERSIONS: readonly [string, string, (payload: Buffer) => void][] = [
  ['a higher version', 'other_version', (payload) => flip(payload, 3, 4)],
  ['another kind of message', 'foreign', (payload) => flip(payload, 2, 0x20)],
  ['a kind of record that is unknown', 'bad_record', renameRecords],
  [
    'records of another length',
    'bad_head',
    (payload) => payload.writeInt32LE(8, 4 * BATCH_RECORD_WORDS),
  ],
]

function flip(payload: Buffer, at: number, bits: number): void {
  payload[at] ^= bits
}

function renameRecords(payload: Buffer): void {
  if (payload.length < 4 * BATCH_HEAD_WORDS) return
  const recordWords = payload.readInt32LE(4 * BATCH_RECORD_WORDS)
  for (let i = 1; i <= payload.readInt32LE(4 * BATCH_RECORDS); i++) {
    const at = 4 * (BATCH_HEAD_WORDS + i * recordWords - 1)
    // What is no batch has something else there.
    if (at < 0 || at + 4 > payload.length) return
    payload.writeInt32LE(payload.readInt32LE(at) | (RECORD_KIND_MASK << RECORD_KIND_SHIFT), at)
  }
}

describe.concurrent.skipIf(WHY_NO_NATS !== '')(
  `messages are lost or not understood${WHY_NO_NATS}`,
  () => {
    test('lost, twice, late and out of order: all nodes know the same even while it lasts', () =>
      withRelayedFleet((fleet, relays) =>
        fleet.meanwhile(NAMES, async () => {
          for (const relay of relays) relay.fate = unreliable
          await fleet.churn(NAMES, 300)
          await fleet.repaired(NAMES, 'losses that last')
          for (const relay of relays) relay.fate = unchanged
          await fleet.repaired(NAMES, 'losses')
        }),
      ))

    test('a node hears nothing, but is heard', () =>
      withRelayedFleet((fleet, [, , relay]) =>
        fleet.meanwhile(NAMES, async () => {
          // What nobody has heard of it before, it could not be asked for.
          await fleet.equal(NAMES, 'announces')
          relay.fate = (message) => (message.isToServer ? unchanged(message) : [])
          await fleet.hears('c', 'a', false)
          await fleet.churn(NAMES, 60)
          for (const to of OTHERS) await fleet.tells('c', to)
          relay.fate = unchanged
          await fleet.repaired(NAMES, 'a node that heard nothing')
        }),
      ))

    test('a node hears all, but is not heard', () =>
      withRelayedFleet((fleet, [, , relay]) =>
        fleet.meanwhile(NAMES, async () => {
          // What it has missed before, it cannot ask for.
          await fleet.equal(NAMES, 'announces')
          relay.fate = (message) => (message.isToServer ? [] : unchanged(message))
          await fleet.hears('a', 'c', false)
          await fleet.churn(NAMES, 60)
          for (const from of OTHERS) await fleet.tells(from, 'c')
          relay.fate = unchanged
          await fleet.repaired(NAMES, 'a node that was not heard')
        }),
      ))

    test.each(OTHER_VERSIONS)(
      'a node that writes %s is left out until it is understood',
      (what, result, change) =>
        withRelayedFleet((fleet, [, , relay]) =>
          fleet.meanwhile(NAMES, async () => {
            // Whoever is heard has a place: as after an upgrade of the two others.
            await fleet.equal(NAMES, 'announces')
            relay.fate = (message) => {
              if (!message.isToServer) return unchanged(message)
              // Changed requests could be understood as others.
              if (!message.subject.includes('.log.')) return []
              const payload = Buffer.from(message.payload)
              change(payload)
              return [{ payload, delayMs: 0 }]
            }
            const counted = () =>
              metricSum(fleet.of('a'), `tracker_cluster_refused_messages_total{reason="${result}"}`)
            const before = [...fleet.peers.keys()]
            await fleet.churn(NAMES, 60)
            await waitUntil(
              'it is counted',
              async () => {
                await fleet.churn(['c'], 1)
                return (await counted()) > 0
              },
              120_000,
            )
            const own = [...fleet.peers.values()].find(
              ({ node, port }) => node === 'c' && !before.includes(port),
            )
            if (own !== undefined) expect(await fleet.known('a')).not.toContain(String(own.port))
            // The others go on, and it hears them.
            for (const from of OTHERS) {
              for (const to of NAMES) if (to !== from) await fleet.tells(from, to)
            }
            relay.fate = unchanged
            await fleet.repaired(NAMES, what)
          }),
        ),
    )
  },
)
