// The parts of the link by themselves: control messages, kept batches, holes, the difference of clocks.
import { expect, test } from 'bun:test'
import { ClockDifference } from '../../src/cluster/clock-difference.ts'
import { ClusterClock } from '../../src/cluster/cluster-clock.ts'
import {
  ASK_BATCHES,
  ASK_WALK,
  BUSY,
  type Control,
  END_OF_SEGMENT,
  HEARD,
  isControl,
  readControl,
  writeControl,
} from '../../src/cluster/control.ts'
import { Holes } from '../../src/cluster/holes.ts'
import { SentBatches } from '../../src/cluster/sent-batches.ts'
import { randomWords } from '../support/random.ts'

const HEAD = { ticket: 7, start: 2 ** 32 - 1 }
const MESSAGES: readonly Control[] = [
  { ...HEAD, kind: ASK_BATCHES, ranges: [{ from: 2 ** 32 - 2, to: 1 }] },
  { ...HEAD, kind: ASK_WALK, seconds: 900, segment: 3, walk: 5 },
  {
    ...{ ...HEAD, kind: END_OF_SEGMENT, segment: 0, isLast: true, parts: 9 },
    heard: [{ name: 'a'.repeat(32), start: 4, sequence: 5, highest: 9, missing: 2 }],
  },
  { ...HEAD, kind: BUSY },
  {
    ...HEAD,
    kind: HEARD,
    heard: [{ name: 'b', start: 7, sequence: 2 ** 32 - 1, highest: 1, missing: 1 }],
  },
]

test.each(MESSAGES.map((message) => [message.kind, message] as const))(
  'a control message of kind %d is read as it was written',
  (_, message) => {
    const bytes = writeControl(message)
    expect(isControl(bytes)).toBe(true)
    expect(readControl(bytes)).toEqual(message)
    for (let size = 0; size < bytes.length; size++)
      expect(readControl(bytes.subarray(0, size))).toBeNull()
  },
)

test('what is no control message is refused, never an exception', () => {
  const word = randomWords(3)
  let refused = 0
  for (let i = 0; i < 50_000; i++) {
    const bytes = writeControl(MESSAGES[i % MESSAGES.length])
    for (let changes = 1 + (word() % 3); changes > 0; changes--)
      bytes[word() % bytes.length] = word()
    const message = readControl(bytes)
    if (message === null) refused++
    // What is left of it means what it says.
    else expect(readControl(writeControl(message))).toEqual(message)
  }
  expect(refused).toBeGreaterThan(5000)
})

test('batches that were sent are kept until room or time ends', () => {
  const word = randomWords(5)
  const sent = new SentBatches(2 ** 18, 60_000)
  const kept = new Map<number, number>()
  sent.next = 2 ** 32 - 100
  sent.oldest = sent.next
  for (let now = 0; now < 3000; now++) {
    const sequence = sent.next
    const count = 20 + (word() % 3000)
    kept.set(sequence, count)
    sent.add(new Int32Array(count).fill(sequence), now * 40)
    for (const [known, length] of kept) {
      const age = (sequence - known) >>> 0
      if (age > 1600) kept.delete(known)
      if (!sent.find(known)) continue
      expect(age).toBeLessThanOrEqual(1500)
      const words = sent.words.subarray(sent.at, sent.at + sent.count)
      expect([sent.count, words[0], words[length - 1]]).toEqual([length, known | 0, known | 0])
    }
    expect(sent.find(sequence)).toBe(true)
  }
})

test('holes are what has not come, also where sequences wrap', () => {
  const word = randomWords(9)
  for (let run = 0; run < 200; run++) {
    const first = (2 ** 32 - (word() % 60)) >>> 0
    const holes = new Holes(first)
    const come = new Set<number>()
    let highest = 0
    for (let i = 0; i < 60; i++) {
      const step = 1 + (word() % 40)
      const isNew = !come.has(step)
      // With more than sixteen holes some are joined over what has come.
      if (isNew) expect(holes.arrived((first + step) >>> 0, i, i)).toBe(true)
      come.add(step)
      highest = Math.max(highest, step)
      expect(holes.size()).toBeGreaterThanOrEqual(highest - come.size)
    }
    holes.filledTo((first + highest) >>> 0)
    expect([holes.isWhole(), holes.wholeTo()]).toEqual([true, (first + highest) >>> 0])
  }
})

test('how late a message is, is measured by the fastest one', () => {
  const difference = new ClockDifference()
  expect(difference.heard(5_000_100, 1_000_110)).toBe(0)
  expect(difference.heard(5_000_900, 1_300_000)).toBe(299_090)
})

/** A node whose clock began at some time of the test's, and what it says. */
class ClockNode {
  readonly clock = new ClusterClock()
  private readonly beganAt: number

  constructor(beganAt: number) {
    this.beganAt = beganAt
  }

  now(time: number): number {
    return time - this.beganAt
  }

  second(time: number): number {
    return Math.floor(this.now(time) / 1000)
  }

  /** Hears it for the first time, and some seconds later. */
  takesOver(other: ClockNode, time: number): void {
    expect(this.clock.hear(other.says(time), true, this.now(time))).toBe(false)
    expect(this.clock.hear(other.says(time + 1900), true, this.now(time + 1901))).toBe(false)
    expect(this.clock.hear(other.says(time + 2000), true, this.now(time + 2001))).toBe(true)
  }

  says(time: number) {
    return { clock: this.clock.id, offset: this.clock.offset, sent: this.now(time) }
  }

  /** The second of the cluster that it tells others, for one of its own. */
  tells(second: number, time: number): number {
    return this.second(time) + this.clock.offset - this.clock.ageOf(second, this.second(time))
  }

  /** Its own second for one that another node has told in the same way. */
  hears(second: number): number {
    return this.clock.secondOf(second - this.clock.offset)
  }
}

test('nodes share a clock, and a second is the same one whoever tells it, and when', () => {
  const [a, b, c] = [new ClockNode(0), new ClockNode(-86_400_123), new ClockNode(777_777)]
  a.clock.begin(0.5, 0)
  b.takesOver(a, 1_000_020)
  c.takesOver(b, 1_100_300)
  const second = a.second(1_000_000)
  const told = a.tells(second, 1_050_000)
  expect(b.tells(b.hears(told), 1_200_000)).toBe(told)
  expect(c.tells(c.hears(b.tells(b.hears(told), 1_200_000)), 1_300_000)).toBe(told)
  // They agree to a second, and a message's time.
  for (const node of [b, c]) {
    expect(Math.abs(node.tells(node.second(2e6), 2e6) - a.tells(a.second(2e6), 2e6))).toBeLessThan(
      3,
    )
  }
})

test('who is behind goes ahead, and what it had told keeps its second', () => {
  const [a, b] = [new ClockNode(0), new ClockNode(5_000_000)]
  a.clock.begin(0.5, 0)
  b.takesOver(a, 1_000_000)
  const told = b.tells(b.second(1_050_000), 1_050_000)
  // Its clock loses five seconds.
  const late = new ClockNode(5_005_000)
  Object.assign(late, { clock: b.clock })
  late.clock.hear(a.says(1_060_000), true, late.now(1_060_000))
  const now = late.second(1_061_500)
  expect(late.tells(now, 1_061_500) - a.tells(a.second(1_061_500), 1_061_500)).toBeWithin(-1, 2)
  expect(late.tells(b.second(1_050_000), 1_061_500)).toBe(told)
  expect(late.hears(told)).toBe(b.second(1_050_000))
  // A message that was under way for long changes nothing.
  const { offset } = late.clock
  late.clock.hear(a.says(1_000_000), true, late.now(1_300_000))
  expect(late.clock.offset).toBe(offset)
  // What is told of the time that it skipped comes between what was before and after.
  for (let second = told - 20; second < told + 30; second++) {
    expect(late.hears(second)).toBeLessThanOrEqual(late.hears(second + 1))
  }
})

test('of two clocks one is given up, by the same rule at both nodes; meanwhile neither is misread', () => {
  const [a, b] = [new ClockNode(0), new ClockNode(9_000_000)]
  a.clock.begin(0.7, 0)
  b.clock.begin(0.2, 0)
  expect(b.clock.hear(a.says(1_000_000), true, b.now(1_000_000))).toBe(false)
  // What was sent again says nothing of the time now.
  expect(a.clock.hear(b.says(1_000_000), false, a.now(1_000_000))).toBe(false)
  a.takesOver(b, 1_000_000)
  expect(a.clock.id).toBe(b.clock.id)
  expect(b.clock.hear(a.says(1_000_100), true, b.now(1_000_100))).toBe(true)
  expect(Math.abs(a.tells(a.second(2e6), 2e6) - b.tells(b.second(2e6), 2e6))).toBeLessThan(2)
})

test('a clock is not taken over from messages that were held up', () => {
  const [a, b] = [new ClockNode(0), new ClockNode(777_000)]
  a.clock.begin(0.5, 0)
  const hear = (sent: number, time: number) => b.clock.hear(a.says(sent), true, b.now(time))
  // All at once, and again all of the next while.
  for (let sent = 1_000_000; sent < 1_020_000; sent += 1000) {
    expect(hear(sent, 1_020_000)).toBe(false)
    b.clock.begin(0.1, b.now(1_020_000))
  }
  for (let sent = 1_020_000; sent < 1_040_000; sent += 1000) {
    expect(hear(sent, 1_040_000)).toBe(false)
    b.clock.begin(0.1, b.now(1_040_000))
  }
  // One that is held up begins nothing, nor does it stop what goes on.
  for (const [sent, time] of [
    [1_040_900, 1_041_000],
    [1_030_000, 1_041_500],
    [1_042_000, 1_042_100],
  ] as const) {
    expect(hear(sent, time)).toBe(false)
  }
  expect(hear(1_043_000, 1_043_100)).toBe(true)
  expect(Math.abs(b.tells(b.second(2e6), 2e6) - a.tells(a.second(2e6), 2e6))).toBeLessThan(2)
})

test('a node that hears too little of others has a clock of its own, and goes on with it until it has heard enough', () => {
  const [a, b] = [new ClockNode(0), new ClockNode(777_000)]
  a.clock.begin(0.5, 0)
  b.clock.hear(a.says(1_000_000), true, b.now(1_000_000))
  b.clock.begin(0.9, b.now(1_003_000))
  expect(b.clock.isSettled).toBe(false)
  b.clock.begin(0.9, b.now(1_004_000))
  const { id } = b.clock
  expect(id).not.toBe(0)
  b.clock.hear(a.says(1_100_000), true, b.now(1_100_001))
  expect(b.clock.id).toBe(id)
  b.clock.hear(a.says(1_102_100), true, b.now(1_102_101))
  expect(b.clock.id).toBe(a.clock.id)
})
