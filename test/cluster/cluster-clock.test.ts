// The cluster's clock where a node is broken, or lies: what was told keeps its second, and all can follow.
import { expect, test } from 'bun:test'
import { Batch } from '../../src/cluster/batch.ts'
import { ClusterClock, OFFSET_MAX } from '../../src/cluster/cluster-clock.ts'
import { BATCH_HEAD_WORDS, RECORD_WORDS_IPV4 } from '../../src/cluster/layout.ts'
import { packAge } from '../../src/cluster/pack.ts'
import { Sender } from '../../src/cluster/sender.ts'
import { BATCH_GOOD } from '../../src/cluster/unpack.ts'
import { randomWords } from '../support/random.ts'

/** One record, packed with its age, and what becomes of it. */
class SendingNode {
  readonly clock = new ClusterClock()
  readonly sent: Uint8Array[] = []
  readonly sender: Sender
  isConnected = true
  /** Of this node's clock. */
  happened = 0

  constructor() {
    this.sender = new Sender({
      engine: {
        publish: (_, bytes) => this.sent.push(bytes.slice()) > 0,
        subscribe: () => {},
        isConnected: () => this.isConnected,
        onStatus: () => {},
        onRefusal: () => {},
        close: async () => {},
      },
      records: {
        lost: 0,
        collect: () => 1,
        take: (out, at, _, ipv4, second) => (ipv4 ? this.take(out, at, second) : 0),
        apply: () => {},
        openWalk: () => {
          throw new Error('nobody walks here')
        },
      },
      clusterClock: this.clock,
      subject: 'log',
      start: 7,
      startedAt: 0,
      maxPeerAge: 1800,
    })
    this.sender.mayTell = true
  }

  private take(out: Int32Array, at: number, second: number): number {
    if (this.happened === 0) return 0
    out.fill(1, at, at + RECORD_WORDS_IPV4)
    out[at + RECORD_WORDS_IPV4 - 1] =
      6881 | (packAge(this.clock.ageOf(this.happened, second)) << 16)
    this.happened = 0
    return 1
  }

  /** What is heard of it now. */
  says(now: number) {
    return { clock: this.clock.id, offset: this.clock.offset, sent: now }
  }

  /** The second of the cluster that a message tells for its record, by a node with the clock as it was first. */
  told(bytes: Uint8Array | undefined): number {
    const batch = new Batch()
    expect(batch.read(bytes ?? new Uint8Array(0))).toBe(BATCH_GOOD)
    const age = (batch.words[BATCH_HEAD_WORDS + RECORD_WORDS_IPV4 - 1] >>> 16) & 0xfff
    return Math.floor(batch.sent / 1000) + batch.offset - age
  }
}

test.each([1, 3600])(
  'a batch that is sent again, after the clock has gone ahead by %d s, tells the same seconds',
  (seconds) => {
    const node = new SendingNode()
    node.clock.begin(0.5, 0)
    node.happened = 90
    node.sender.turn(100_000, 1)
    const first = node.told(node.sent.shift())
    const { clock, offset, sent } = node.says(102_000)
    node.clock.hear({ clock, offset: offset + seconds, sent }, true, 102_000)
    expect(node.clock.offset).toBe(offset + seconds)
    node.sent.length = 0
    node.sender.sendAgain(1, 'again', 103_000)
    expect(node.told(node.sent.shift())).toBe(first)
  },
)

test('a batch that was packed before there was a clock is told by the clock that was taken over', () => {
  const node = new SendingNode()
  node.clock.hear({ clock: 9, offset: 1000, sent: 100_000 }, true, 100_000)
  node.happened = 90
  node.isConnected = false
  node.sender.turn(100_500, 1)
  // The first message had been held up for 20 seconds.
  for (const later of [0, 1000, 2000])
    node.clock.hear({ clock: 9, offset: 1000, sent: 121_000 + later }, true, 101_000 + later)
  node.isConnected = true
  node.sender.sendAgain(1, 'again', 104_000)
  const told = node.told(node.sent.shift())
  node.happened = 90
  node.sent.length = 0
  node.sender.turn(150_000, 1)
  expect(node.told(node.sent.shift())).toBe(told)
})

test('wherever a node moves the clock to, all others follow, agree, and say what is taken', () => {
  const word = randomWords(11)
  const ages = [0, 86_400, 400 * 86_400]
  const clocks = ages.map(() => new ClusterClock())
  const ownTime = (index: number, now: number) => now + ages[index] * 1000
  const each = (act: (clock: ClusterClock, index: number) => void) => clocks.forEach(act)
  each((clock) => clock.begin(0.5, 0))
  let now = 1_000_000
  for (let step = 0; step < 2000; step++) {
    // It lies: with an older clock's number, or that of all; as far ahead as a head can say.
    const clock = step % 100 === 0 ? 5000 - step : Math.max(1, clocks[0].id)
    const lie = { clock, offset: (word() | 0) >> 1, sent: (word() % 1024) * 2 ** 32 + word() }
    // As long as it takes until it is believed.
    for (let later = 0; later < 3000; later += 1000) {
      const lied = { ...lie, sent: lie.sent + later }
      each((clock, index) => clock.hear(lied, true, ownTime(index, now)))
      now += 1000
    }
    if (step % 100 === 0) each(({ id }) => expect(id).toBe(clock))
    for (let round = 0; round < 2; round++) {
      each((from, index) => {
        expect(Math.abs(from.offset)).toBeLessThanOrEqual(OFFSET_MAX)
        const says = { clock: from.id, offset: from.offset, sent: ownTime(index, now) }
        each((clock, other) => {
          if (other !== index) clock.hear(says, true, ownTime(other, now + 1))
        })
      })
    }
    for (const [index, from] of clocks.entries()) {
      const says = { clock: from.id, offset: from.offset, sent: ownTime(index, now) }
      each((clock, other) => {
        expect(clock.id).toBe(from.id)
        const second = Math.floor(ownTime(other, now) / 1000)
        expect(clock.addedAge(says, second)).toBeWithin(-2, 3)
      })
    }
  }
})
